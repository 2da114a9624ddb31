"""λ₂, the second eigenvalue of attention: how slowly a Markov chain with these transition probabilities mixes."""

from __future__ import annotations

import logging
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

logger = logging.getLogger(__name__)

TOLERANCE = 1e-4
"""An eigenvalue has converged if its residual `‖A v − λ v‖`, with `v` of length 1, is at most this."""

PRODUCTS = 128
"""The largest number of attention calls. Attention to next neighbours only, among 13 × 30 × 45 tokens, is within 1e-3
of λ₂ after 30."""


@torch.no_grad()
def second_eigenvalues(query: Tensor, key: Tensor, **options: Any) -> Tensor:
    """The second largest modulus of the eigenvalues of each attention matrix `A = softmax(q kᵀ / √d)`.

    `A` is row-stochastic: its largest eigenvalue is 1, with the vector of ones. The second one is near 1 if the tokens
    form groups that attend to themselves, and 0 if all rows are equal ("Attention (as Discrete-Time Markov) Chains",
    arXiv 2507.17657).

    Arnoldi iteration computes it without `A`: a product `A v` is an attention call with `v` as its values. The vectors
    are kept orthogonal to the ones. On them `A` has all its other eigenvalues, so the stationary distribution, which
    would need products with `Aᵀ`, is not needed. It runs in fp32 from a seeded vector: the same input gives the same
    result. If a head has not converged after `PRODUCTS` calls, a warning is logged with the residual.

    Args:
        query: `[B, A, N, d]` of all tokens, after QK norm and RoPE, in any floating dtype.
        key: `[B, A, N, d]` of the same tokens.
        options: further arguments of `torch.nn.functional.scaled_dot_product_attention`, such as `attn_mask`.

    Returns:
        fp32 `[B, A]` on the CPU, in [0, 1].

    Raises:
        ValueError: fewer than two tokens, different numbers of queries and keys, or values that are not finite.
    """
    *heads, tokens, width = query.shape
    if tokens < 2 or key.shape[-2] != tokens:
        raise ValueError(f"{tokens} queries and {key.shape[-2]} keys have no λ₂; pass those of 2 tokens or more")
    query, key = query.float(), key.float()
    if not (query.isfinite().all() and key.isfinite().all()):
        raise ValueError("queries or keys are not finite, so there is no λ₂; run the model in another dtype")
    basis = query.new_full((*heads, tokens, 1), tokens**-0.5)
    start = torch.randn(tokens, 1, dtype=torch.float32, generator=torch.Generator().manual_seed(0))
    vector, _ = _orthogonalize(basis, start.to(query.device))

    products = min(PRODUCTS, tokens - 1)
    projected = torch.zeros(*heads, products + 1, products, dtype=torch.float64)
    modulus = torch.zeros(heads, dtype=torch.float32)
    residual = torch.full_like(modulus, torch.inf)
    for size in range(1, products + 1):
        basis = torch.cat([basis, vector], dim=-1)
        # Values as wide as the keys: for other widths torch does not use its fused kernels, and forms the matrix.
        values = F.pad(vector, (0, width - 1))
        image = F.scaled_dot_product_attention(query, key, values, **options)[..., :1]
        projected[..., :size, size - 1] = (basis[..., 1:].mT @ image).squeeze(-1)
        vector, length = _orthogonalize(basis, image)
        projected[..., size, size - 1] = length

        open_heads = residual > TOLERANCE
        eigenvalues, eigenvectors = torch.linalg.eig(projected[open_heads][:, :size, :size])
        largest = eigenvalues.abs().max(-1)
        last = eigenvectors[:, -1].gather(-1, largest.indices[:, None]).squeeze(-1)
        modulus[open_heads] = largest.values.float()
        residual[open_heads] = (projected[open_heads][:, size, size - 1] * last.abs()).float()
        if residual.max() <= TOLERANCE:
            break
    else:
        logger.warning("λ₂ has a residual of %.0e after %d products", residual.max(), products)
    return modulus.clamp(max=1)


def _orthogonalize(basis: Tensor, vector: Tensor) -> tuple[Tensor, Tensor]:
    """The part of `[…, N, 1]` orthogonal to `basis` `[…, N, m]`, normalized, and its length before that, `[…]`."""
    for _ in range(2):  # one subtraction leaves a rounding error in the span of the basis
        vector = vector - basis @ (basis.mT @ vector)
    return F.normalize(vector, dim=-2), vector.norm(dim=-2).squeeze(-1)

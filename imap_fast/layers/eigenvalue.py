"""λ₂ of attention: how slowly a Markov chain that follows a head's attention forgets where it began."""

from __future__ import annotations

import logging
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

logger = logging.getLogger(__name__)

TOLERANCE = 1e-4
"""Largest residual `‖A v − λ v‖`, `v` of length 1, of an eigenvalue that counts as found."""

PRODUCTS = 128
"""Attention calls at most. Attention to next neighbours alone, among 13 × 30 × 45 tokens, is within 1e-3 after 30."""


@torch.no_grad()
def second_eigenvalues(query: Tensor, key: Tensor, **options: Any) -> Tensor:
    """The second largest modulus among the eigenvalues of each head's attention matrix `A = softmax(q kᵀ / √d)`.

    `A` is row-stochastic: its largest eigenvalue is 1, with the vector of ones. The second is near 1 where tokens fall
    into groups that attend to themselves, and 0 where all rows are alike ("Attention (as Discrete-Time Markov) Chains",
    arXiv 2507.17657).

    Arnoldi's iteration finds it without `A`: a product `A v` is an attention call with `v` as its values. On vectors
    whose component along the ones is taken away `A` has all its other eigenvalues, so that the stationary distribution,
    for which products with `Aᵀ` would be needed, need not be known. In fp32, from a seeded vector: the same input gives
    the same result. A head that is not found after `PRODUCTS` is told in the log, with its residual.

    Args:
        query: `[B, A, N, d]`, of all tokens that attend, after QK norm and RoPE, in any floating dtype.
        key: the same of the tokens that they attend to, which are themselves.
        options: of `torch.nn.functional.scaled_dot_product_attention`, such as `attn_mask`.

    Returns:
        fp32 `[B, A]` on the CPU, in [0, 1].

    Raises:
        ValueError: fewer than two tokens, other numbers of queries and keys, or values that are not finite.
    """
    *heads, tokens, width = query.shape
    if tokens < 2 or key.shape[-2] != tokens:
        raise ValueError(f"{tokens} queries and {key.shape[-2]} keys have no λ₂; pass those of 2 tokens or more")
    query, key = query.float(), key.float()
    if not (query.isfinite().all() and key.isfinite().all()):
        raise ValueError("queries or keys are not finite, so there is no λ₂; run the model in another dtype")
    basis = query.new_full((*heads, tokens, 1), tokens**-0.5)
    start = torch.randn(tokens, 1, generator=torch.Generator().manual_seed(0))
    vector, _ = _outside(basis, start.to(query.device))

    products = min(PRODUCTS, tokens - 1)
    projected = torch.zeros(*heads, products + 1, products, dtype=torch.float64)
    modulus, residual = torch.zeros(heads), torch.full(heads, torch.inf)
    for size in range(1, products + 1):
        basis = torch.cat([basis, vector], dim=-1)
        # Values as wide as the keys: for others torch's fused attention calls step aside, and the matrix is formed.
        values = F.pad(vector, (0, width - 1))
        image = F.scaled_dot_product_attention(query, key, values, **options)[..., :1]
        projected[..., :size, size - 1] = (basis[..., 1:].mT @ image).squeeze(-1)
        vector, length = _outside(basis, image)
        projected[..., size, size - 1] = length

        sought = residual > TOLERANCE
        eigenvalues, eigenvectors = torch.linalg.eig(projected[sought][:, :size, :size])
        largest = eigenvalues.abs().max(-1)
        last = eigenvectors[:, -1].gather(-1, largest.indices[:, None]).squeeze(-1)
        modulus[sought] = largest.values.float()
        residual[sought] = (projected[sought][:, size, size - 1] * last.abs()).float()
        if residual.max() <= TOLERANCE:
            break
    else:
        logger.warning("λ₂ is found to %.0e only after %d products", residual.max(), products)
    return modulus.clamp(max=1)


def _outside(basis: Tensor, vector: Tensor) -> tuple[Tensor, Tensor]:
    """The part of `[…, N, 1]` orthogonal to `basis`, `[…, N, m]`, at length 1, and the length that it had, `[…]`."""
    for _ in range(2):  # after one subtraction rounding leaves a part inside
        vector = vector - basis @ (basis.mT @ vector)
    return F.normalize(vector, dim=-2), vector.norm(dim=-2).squeeze(-1)

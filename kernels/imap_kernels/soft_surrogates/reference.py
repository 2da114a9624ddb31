"""Soft surrogates as their equation, and frame separation after them."""

import torch

from imap_kernels.finite import note_not_finite
from imap_kernels.frame_separation.reference import frame_separation
from imap_kernels.heads import each_head
from imap_kernels.precision import accumulation_dtype


def soft_surrogates(
    query: torch.Tensor,
    key: torch.Tensor,
    features: torch.Tensor,
    frames: int,
    scale: float,
    over: str,
    score: str,
    not_finite: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute `s[h, c] = Σ_n softmax_n(scale · query[h, n] · key[h, c]) features[h, n]`, head by head."""
    segments = frames if over == "frame" else 1
    queries, outputs = each_head(query.unflatten(1, (segments, -1))), each_head(features.unflatten(1, (segments, -1)))
    keys = key.to(accumulation_dtype(key.dtype))
    surrogates = torch.stack(
        [attended(k, q, o, scale, not_finite) for k, q, o in zip(keys, queries, outputs, strict=True)]
    )
    surrogates = (surrogates - surrogates.mean(1, keepdim=True)).to(features.dtype)
    return surrogates, frame_separation(features, frames, score, not_finite)


def attended(
    key: torch.Tensor, query: torch.Tensor, features: torch.Tensor, scale: float, not_finite: torch.Tensor | None
) -> torch.Tensor:
    """Compute `Σ_n softmax_n(scale · query[n] · key[c]) features[n]` of one head.

    Args:
        key: `[keys, head dim]`.
        query: `[segments, tokens, head dim]`, like `features`.
        features: the values.
        scale: factor of the dot products.
        not_finite: as in `soft_surrogates`.

    Returns:
        `[keys, segments, head dim]`.
    """
    products = key @ query.mT
    note_not_finite(not_finite, products)
    return ((scale * products).softmax(-1) @ features).transpose(0, 1)

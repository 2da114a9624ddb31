"""The maps of the two baselines as their equation."""

import torch

from imap_kernels.finite import note_not_finite
from imap_kernels.heads import each_head
from imap_kernels.normalize import normalize_keys
from imap_kernels.precision import accumulation_dtype
from imap_kernels.unit_length import products


def head_similarity(
    rows: torch.Tensor,
    features: torch.Tensor,
    multiplicity: torch.Tensor,
    out: torch.Tensor,
    scale: float,
    normalize: str,
    unit_length: torch.Tensor | None,
    not_finite: torch.Tensor | None,
) -> None:
    """Add `normalize_c(scale · Σ_h rows[h, c] · features[h, n])` to `out`, head by head."""
    dtype = accumulation_dtype(features.dtype)
    maps = out.new_zeros(rows.shape[1], features.shape[1], dtype=dtype)
    for row, feature in zip(rows.to(dtype), each_head(features), strict=True):
        maps += products(row, feature, unit_length)
    note_not_finite(not_finite, maps)
    out += normalize_keys(scale * maps, multiplicity, normalize)[: len(out)]

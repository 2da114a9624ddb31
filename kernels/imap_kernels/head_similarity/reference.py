"""The two baselines' maps as their equation."""

import torch

from imap_kernels.heads import each_in_fp32
from imap_kernels.normalize import normalize_keys


def head_similarity(
    rows: torch.Tensor,
    features: torch.Tensor,
    multiplicity: torch.Tensor,
    out: torch.Tensor,
    scale: float,
    normalize: str,
) -> None:
    """Add `normalize_c(scale · Σ_h rows[h, c] · features[h, n])` to `out`, head by head."""
    maps = out.new_zeros(rows.shape[1], features.shape[1])
    for row, feature in zip(rows.float(), each_in_fp32(features), strict=True):
        maps += row @ feature.T
    out += normalize_keys(scale * maps, multiplicity, normalize)[: len(out)]

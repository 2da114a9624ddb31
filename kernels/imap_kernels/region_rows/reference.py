"""The rows of regions as their equation."""

import torch

from imap_kernels.finite import note_not_finite
from imap_kernels.heads import empty_rows
from imap_kernels.precision import accumulation_dtype
from imap_kernels.unit_length import inverse_length


def region_rows(
    features: torch.Tensor,
    tokens: torch.Tensor,
    offsets: torch.Tensor,
    unit_length: torch.Tensor,
    not_finite: torch.Tensor | None,
) -> torch.Tensor:
    """Compute the mean over the tokens of each region of `o`, or of `o / ‖o‖`, head by head."""
    rows = empty_rows(features, len(unit_length))
    for row, feature in zip(rows, features, strict=True):
        o = feature[tokens].to(accumulation_dtype(features.dtype))
        unit, plain = mean_of_regions(o * inverse_length(o)[:, None], offsets), mean_of_regions(o, offsets)
        row.copy_(torch.where(unit_length.bool()[:, None], unit, plain))
    note_not_finite(not_finite, rows)
    return rows


def mean_of_regions(rows: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """The mean of `rows [M, head dim]` over each region, `[regions, head dim]`. Offsets are not checked: no sync."""
    return torch.segment_reduce(rows, "mean", offsets=offsets, axis=0, unsafe=True)

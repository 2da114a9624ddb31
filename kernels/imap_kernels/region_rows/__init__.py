"""Rows of regions: the mean of the features over sets of visual tokens (docs/method.md, "Regions")."""

import torch

from imap_kernels.backend import implementation
from imap_kernels.checks import check_features, check_flag, check_regions, check_unit_length
from imap_kernels.heads import empty_rows


@torch.no_grad()
def region_rows(
    features: torch.Tensor,
    tokens: torch.Tensor,
    offsets: torch.Tensor,
    *,
    unit_length: torch.Tensor,
    not_finite: torch.Tensor | None = None,
    backend: str = "auto",
) -> torch.Tensor:
    """Compute the row of each region: the mean over its visual tokens of the features.

    `rows[h, r] = mean_{m ∈ r} x[h, m]`, with `x = features`, or `x = features / ‖features‖` for a region of
    `unit_length`; a feature of zeros stays zero. A region is a point, a box or a mask. `gram_column` and
    `head_similarity` multiply its row with all features, which gives the mean of the columns of its tokens. Sums are in
    fp32 (fp64 for fp64) and in a fixed order, so a repeated call gives the same bits.

    Args:
        features: `[heads, visual tokens, head dim]`, any strides; fp32, fp16, bf16, or fp64 with the reference.
        tokens: int64 `[M]`, the visual tokens of all regions, one region after the other.
        offsets: int64 `[regions + 1]`. Region `r` has `tokens[offsets[r] : offsets[r + 1]]`; one without a token gives
            NaN.
        unit_length: int32 or bool `[regions]`, the regions whose features are scaled to unit length.
        not_finite: int32 scalar, set to 1 if a row is not finite.
        backend: `"auto"`, `"triton"` or `"reference"`.

    Returns:
        `[heads, regions, head dim]` in the dtype of the features. The heads of a row are adjacent in memory.

    Raises:
        ValueError, TypeError: shapes, dtypes or devices that do not agree, or a backend that cannot run here.
    """
    check_features(features=features)
    regions = check_regions(tokens, offsets, features)
    check_unit_length(unit_length, regions, features)
    check_flag(not_finite, features)
    return _region_rows(features, tokens, offsets, unit_length, not_finite, backend)


@torch.library.custom_op("imap_kernels::region_rows", mutates_args=("not_finite",))
def _region_rows(
    features: torch.Tensor,
    tokens: torch.Tensor,
    offsets: torch.Tensor,
    unit_length: torch.Tensor,
    not_finite: torch.Tensor | None,
    backend: str,
) -> torch.Tensor:
    return implementation("region_rows", backend, features)(features, tokens, offsets, unit_length, not_finite)


@_region_rows.register_fake
def _(
    features: torch.Tensor,
    tokens: torch.Tensor,
    offsets: torch.Tensor,
    unit_length: torch.Tensor,
    not_finite: torch.Tensor | None,
    backend: str,
) -> torch.Tensor:
    return empty_rows(features, len(unit_length))

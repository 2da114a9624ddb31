"""The rows of regions in one launch."""

import torch
import triton
import triton.language as tl

from imap_kernels.heads import empty_rows
from imap_kernels.tile import inverse_length, load_rows, note_not_finite
from imap_kernels.tuning import block, computable, tuned


def region_rows(
    features: torch.Tensor,
    tokens: torch.Tensor,
    offsets: torch.Tensor,
    unit_length: torch.Tensor,
    not_finite: torch.Tensor | None,
) -> torch.Tensor:
    """Launch a program for each head and region."""
    regions = len(unit_length)
    rows = empty_rows(features, regions)
    (features,) = computable(features)
    heads, _, dim = features.shape
    _mean_rows[(heads, regions)](
        features,
        tokens,
        offsets,
        unit_length,
        rows,
        not_finite,
        *features.stride(),
        tokens.stride(0),
        offsets.stride(0),
        unit_length.stride(0),
        *rows.stride()[:2],
        DIM=dim,
        BLOCK_D=block(dim),
    )
    return rows


@tuned(
    [
        triton.Config({"BLOCK_M": 64}, num_warps=4, num_stages=3),
        triton.Config({"BLOCK_M": 32}, num_warps=2, num_stages=4),
    ],
    key=["BLOCK_D"],
)
@triton.jit(do_not_specialize_on_alignment=["tokens", "offsets", "unit_length", "not_finite"])
def _mean_rows(
    features,
    tokens,
    offsets,
    unit_length,
    rows,
    not_finite,
    feature_head,
    feature_token,
    feature_dim,
    token_stride,
    offset_stride,
    unit_stride,
    row_head,
    row_region,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_M: tl.constexpr,
):
    """Store the mean over the tokens of one region of `o`, or of `o / ‖o‖`, tile after tile."""
    head, region = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    first = tl.load(offsets + region * offset_stride)
    size = tl.load(offsets + (region + 1) * offset_stride) - first
    is_unit = tl.load(unit_length + region * unit_stride) != 0
    features += head * feature_head
    tokens += first * token_stride
    d = tl.arange(0, BLOCK_D)
    total = tl.zeros([BLOCK_D], tl.float32)
    for start in range(0, size, BLOCK_M):
        m = start + tl.arange(0, BLOCK_M)
        token = tl.load(tokens + m * token_stride, mask=m < size, other=0)
        feature = load_rows(features, token, m < size, feature_token, feature_dim, DIM, BLOCK_D).to(tl.float32)
        total += tl.sum(feature * tl.where(is_unit, inverse_length(feature), 1.0)[:, None], axis=0)
    mean = (total / size).to(rows.dtype.element_ty)
    note_not_finite(not_finite, tl.where(d < DIM, mean.to(tl.float32), 0.0))
    tl.store(rows + head * row_head + region * row_region + d, mean, mask=d < DIM)

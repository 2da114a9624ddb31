"""Functions that several Triton kernels use."""

import triton
import triton.language as tl

LOG2_E = 1.4426950408889634
"""Scores times this have the weights `2 ** score` in a softmax."""

LEAST = tl.constexpr(-1e30)
"""Where the peak of an online softmax begins."""


@triton.jit
def load_rows(pointer, rows, valid, row_stride, dim_stride, DIM: tl.constexpr, BLOCK_D: tl.constexpr):
    """Load rows of a strided matrix as a tile `[rows, BLOCK_D]`. Invalid rows and columns from `DIM` are zero."""
    d = tl.arange(0, BLOCK_D)[None, :]
    mask = valid[:, None] & (d < DIM)
    return tl.load(pointer + rows[:, None].to(tl.int64) * row_stride + d * dim_stride, mask=mask, other=0.0)


@triton.jit
def inner_products(rows, columns):
    """Compute `rows [R, d] · columns [C, d]ᵀ` in fp32. fp32 inputs are not rounded to TF32."""
    return tl.dot(rows, tl.trans(columns), input_precision="ieee")


@triton.jit
def inverse_length(rows):
    """Compute `1 / ‖x‖` of each row of a tile `[R, d]`: 0 of zeros, NaN if the square of `‖x‖` overflows fp32."""
    square = tl.sum(rows.to(tl.float32) * rows.to(tl.float32), axis=1)
    inverse = 1.0 / tl.sqrt(tl.where(square == 0.0, 1.0, square))
    return tl.where(square == 0.0, 0.0, inverse) + square * 0.0


@triton.jit
def of_unit_length(products, features, is_unit):
    """Scale products `[N, K]` with the features `[N, d]` as if these had unit length, for the keys of `is_unit [K]`."""
    return tl.where(is_unit[None, :], products * inverse_length(features)[:, None], products)


@triton.jit
def add_to_softmax(output, total, peak, score, value):
    """Add a tile of values to an online softmax in base 2: `output` and `total` have weights `2 ** (score - peak)`.

    Weights are rounded to the dtype of the values before they are summed, so that `output / total` stays a mean.

    Args:
        output: fp32 `[queries, BLOCK_D]`, the weighted sum of values so far.
        total: fp32 `[queries]`, the sum of weights.
        peak: fp32 `[queries]`, the largest score. It begins finite, but less than any score: −inf would give NaN in a
            tile without weight.
        score: fp32 `[queries, keys]`. −inf has no weight.
        value: `[keys, BLOCK_D]`.
    """
    highest = tl.maximum(peak, tl.max(score, axis=1))
    shrink = tl.exp2(peak - highest)
    weight = tl.exp2(score - highest[:, None]).to(value.dtype)
    total = total * shrink + tl.sum(weight.to(tl.float32), axis=1)
    added = tl.dot(weight, value, input_precision="ieee")
    return output * shrink[:, None] + added, total, highest


@triton.jit
def note_not_finite(flag, values):
    """Set `flag` to 1 if a value of the tile is NaN or infinite. Every program stores the same value. None: no flag."""
    if flag is not None:
        tl.store(flag, 1, mask=tl.max((values * 0.0 != 0.0).to(tl.int32)) == 1)

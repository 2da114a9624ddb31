"""Functions that several Triton kernels use."""

import triton
import triton.language as tl


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
def note_not_finite(flag, values):
    """Set `flag` to 1 if a value of the tile is NaN or infinite. Every program stores the same value. None: no flag."""
    if flag is not None:
        tl.store(flag, 1, mask=tl.max((values * 0.0 != 0.0).to(tl.int32)) == 1)

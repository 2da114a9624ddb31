"""QK norm and RoPE in one pass over q and k: each is read once and written once."""

import torch
import triton
import triton.language as tl

from imap_kernels.tuning import block

# The numbers of heads and entries in a tile. They are not tuned: timing would need copies of q and k, which change.
HEADS = 16
TILE = 2048


def qk_norm_rope(
    query: torch.Tensor,
    key: torch.Tensor,
    query_norm: tuple[torch.Tensor, torch.Tensor],
    key_norm: tuple[torch.Tensor, torch.Tensor],
    eps: float,
    rotary: tuple[torch.Tensor, torch.Tensor] | None,
    text: int,
) -> None:
    """Launch a program for each tile of rows and heads. The heads of a row share its angles."""
    batch, heads, rows, dim = query.shape
    cosine, sine = rotary or (None, None)
    block_d = block(dim)
    block_r = max(1, TILE // (HEADS * block_d))
    _norm_rope[(triton.cdiv(rows, block_r), triton.cdiv(heads, HEADS), batch)](
        query,
        key,
        *(vector.contiguous() for vector in (*query_norm, *key_norm)),
        cosine,
        sine,
        heads,
        rows,
        text,
        eps,
        *query.stride(),
        *key.stride(),
        *((0, 0) if cosine is None else cosine.stride()),
        *((0, 0) if sine is None else sine.stride()),
        DIM=dim,
        BLOCK_D=block_d,
        BLOCK_R=block_r,
        BLOCK_H=HEADS,
        num_warps=4,
    )


@triton.jit
def _norm_rope(
    query,
    key,
    query_weight,
    query_bias,
    key_weight,
    key_bias,
    cosine,
    sine,
    heads,
    rows,
    text,
    eps,
    query_batch,
    query_head,
    query_row,
    query_dim,
    key_batch,
    key_head,
    key_row,
    key_dim,
    cosine_row,
    cosine_dim,
    sine_row,
    sine_dim,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_R: tl.constexpr,
    BLOCK_H: tl.constexpr,
):
    """Compute `y = (x − mean x) / √(var x + eps) · weight + bias`; after the text rows `y · cos + rotate(y) · sin`."""
    row = (tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)).to(tl.int64)
    head = (tl.program_id(1) * BLOCK_H + tl.arange(0, BLOCK_H)).to(tl.int64)
    d = tl.arange(0, BLOCK_D)
    cos, sin = None, None
    if cosine is not None:
        # A text row is rotated by zero.
        visual = ((row >= text) & (row < rows))[:, None] & (d < DIM)[None, :]
        token = (row - text)[:, None]
        cos = tl.load(cosine + token * cosine_row + d[None, :] * cosine_dim, mask=visual, other=1.0)
        sin = tl.load(sine + token * sine_row + d[None, :] * sine_dim, mask=visual, other=0.0)

    mask = (row < rows)[:, None, None] & (head < heads)[None, :, None] & (d < DIM)[None, None, :]
    batch = tl.program_id(2).to(tl.int64)
    at = query + batch * query_batch + _offsets(row, head, d, query_row, query_head, query_dim)
    _tile(at, query_weight, query_bias, cos, sin, d, mask, eps, DIM, BLOCK_D, BLOCK_R, BLOCK_H)
    at = key + batch * key_batch + _offsets(row, head, d, key_row, key_head, key_dim)
    _tile(at, key_weight, key_bias, cos, sin, d, mask, eps, DIM, BLOCK_D, BLOCK_R, BLOCK_H)


@triton.jit
def _offsets(row, head, d, row_stride, head_stride, dim_stride):
    """Compute the offsets of the entries of a tile `[rows, heads, head dim]`."""
    return row[:, None, None] * row_stride + head[None, :, None] * head_stride + d[None, None, :] * dim_stride


@triton.jit
def _tile(
    at,
    weight,
    bias,
    cos,
    sin,
    d,
    mask,
    eps,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_R: tl.constexpr,
    BLOCK_H: tl.constexpr,
):
    """Normalize and rotate the tile at the addresses `at`, in place."""
    x = tl.load(at, mask=mask, other=0.0).to(tl.float32)
    mean = tl.sum(x, axis=2) / DIM
    centred = tl.where(mask, x - mean[:, :, None], 0.0)
    scale = tl.rsqrt(tl.sum(centred * centred, axis=2) / DIM + eps)
    gain = tl.load(weight + d, mask=d < DIM, other=0.0).to(tl.float32)
    shift = tl.load(bias + d, mask=d < DIM, other=0.0).to(tl.float32)
    y = centred * scale[:, :, None] * gain[None, None, :] + shift[None, None, :]
    if cos is not None:
        even, odd = tl.split(tl.reshape(y, [BLOCK_R, BLOCK_H, BLOCK_D // 2, 2]))
        cos_even, cos_odd = tl.split(tl.reshape(cos, [BLOCK_R, 1, BLOCK_D // 2, 2]))
        sin_even, sin_odd = tl.split(tl.reshape(sin, [BLOCK_R, 1, BLOCK_D // 2, 2]))
        rotated = tl.join(even * cos_even - odd * sin_even, odd * cos_odd + even * sin_odd)
        y = tl.reshape(rotated, [BLOCK_R, BLOCK_H, BLOCK_D])
    tl.store(at, y.to(at.dtype.element_ty), mask=mask)

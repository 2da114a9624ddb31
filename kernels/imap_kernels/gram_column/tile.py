"""Functions that both kernels of GramCol use."""

import torch
import triton
import triton.language as tl

from imap_kernels.tile import load_rows


@triton.jit
def weights_of(head_weights, head, weight_map, weight_head, MAPS: tl.constexpr):
    """Load the weights of `head` in the first and the last map. These are the same map if there is only one."""
    pointer = head_weights + head * weight_head
    return tl.load(pointer), tl.load(pointer + (MAPS - 1) * weight_map)


@triton.jit
def load_surrogates(
    frame_features,
    of_head,
    frame,
    k,
    keys,
    feature_token,
    feature_dim,
    surrogate_key,
    surrogate_frame,
    surrogate_dim,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    """Load the surrogates of the keys `k` in this frame, `[BLOCK_K, BLOCK_D]`: features at an index, or given ones."""
    of_frame = of_head + frame * surrogate_frame
    if of_head.dtype.element_ty == tl.int64:
        patch = tl.load(of_frame + k * surrogate_key, mask=k < keys, other=0)
        rows = load_rows(frame_features, patch, k < keys, feature_token, feature_dim, DIM, BLOCK_D)
    else:
        rows = load_rows(of_frame, k, k < keys, surrogate_key, surrogate_dim, DIM, BLOCK_D)
    return rows


def surrogate_strides(surrogates: torch.Tensor) -> tuple[int, ...]:
    """The strides of surrogates by head, key, frame and dimension. An index has no dimensions."""
    return (*surrogates.stride(), 1)[:4]


@triton.jit
def first_key(column, BLOCK_K: tl.constexpr):
    """Select the column of the first key. Columns relative to it give a contrast of exactly zero for equal keys."""
    return tl.sum(tl.where(tl.arange(0, BLOCK_K)[None, :] == 0, column, 0.0), axis=1)


@triton.jit
def contrast(column, count, total, BLOCK_K: tl.constexpr):
    """Compute `(g - mean_c g) / (std_c g + 1e-6)` of a tile `g [patches, keys]` that holds all text keys."""
    deviation = column - first_key(column, BLOCK_K)[:, None]
    deviation -= (tl.sum(count[None, :] * deviation, axis=1) / total)[:, None]
    variance = tl.sum(count[None, :] * deviation * deviation, axis=1) / tl.maximum(total - 1.0, 1.0)
    return deviation * (1.0 / (tl.sqrt(variance) + 1e-6))[:, None]

"""QK-matching in one pass over the queries."""

import torch
import triton
import triton.language as tl

from imap_kernels.tile import inner_products, load_rows, note_not_finite
from imap_kernels.tuning import block, computable, tuned

# The largest number of text keys in a tile.
KEY_TILE = 64


def qk_match(query: torch.Tensor, key: torch.Tensor, frames: int, not_finite: torch.Tensor | None) -> torch.Tensor:
    """Launch a program for each head, frame and tile of text keys. Adjacent programs share queries in the cache."""
    heads, tokens, dim = query.shape
    keys = key.shape[1]
    index = torch.empty(heads, keys, frames, dtype=torch.int64, device=query.device)
    query, key = computable(query, key)
    block_k = block(keys, at_most=KEY_TILE)
    _peaks[(triton.cdiv(keys, block_k), heads, frames)](
        query,
        key,
        index,
        not_finite,
        frames,
        tokens // frames,
        keys,
        *query.stride(),
        *key.stride(),
        DIM=dim,
        BLOCK_D=block(dim),
        BLOCK_K=block_k,
    )
    return index


@tuned(
    [
        triton.Config({"BLOCK_P": 64}, num_warps=4, num_stages=4),
        triton.Config({"BLOCK_P": 128}, num_warps=8, num_stages=3),
        triton.Config({"BLOCK_P": 64}, num_warps=4, num_stages=3),
    ],
    key=["frames", "patches", "BLOCK_K", "BLOCK_D"],
)
@triton.jit(do_not_specialize_on_alignment=["not_finite"])
def _peaks(
    query,
    key,
    index,
    not_finite,
    frames,
    patches,
    keys,
    query_head,
    query_token,
    query_dim,
    key_head,
    key_row,
    key_dim,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_P: tl.constexpr,
):
    """Store `index[h, c, f] = argmax_p query[h, f, p] · key[h, c]`.

    Each lane of the tile of scores keeps its best score and the first patch with that score. The lanes are compared
    once, at the end.
    """
    head, frame = tl.program_id(1).to(tl.int64), tl.program_id(2)
    c = tl.program_id(0) * BLOCK_K + tl.arange(0, BLOCK_K)
    query += head * query_head + frame.to(tl.int64) * patches * query_token
    text = load_rows(key + head * key_head, c, c < keys, key_row, key_dim, DIM, BLOCK_D)

    lane = tl.arange(0, BLOCK_P)
    best = tl.full([BLOCK_P, BLOCK_K], float("-inf"), tl.float32)
    patch = tl.zeros([BLOCK_P, BLOCK_K], tl.int32) + lane[:, None]
    poison = tl.zeros([BLOCK_P, BLOCK_K], tl.float32)
    for start in range(0, patches, BLOCK_P):
        p = start + lane
        score = inner_products(load_rows(query, p, p < patches, query_token, query_dim, DIM, BLOCK_D), text)
        better = (score > best) & (p < patches)[:, None]
        best = tl.where(better, score, best)
        patch = tl.where(better, p[:, None], patch)
        poison += score * 0.0

    peak = tl.max(best, axis=0)
    first = tl.min(tl.where(best == peak[None, :], patch, patches), axis=0)
    tl.store(index + (head * keys + c) * frames + frame, first.to(tl.int64), mask=c < keys)
    note_not_finite(not_finite, poison)

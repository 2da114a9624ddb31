"""Text attention in one pass over the visual keys, split along them, and a small kernel for the text keys."""

import torch
import triton
import triton.language as tl

from imap_kernels.tile import LEAST, LOG2_E, inner_products, load_rows, note_not_finite
from imap_kernels.tuning import block, computable, tuned

# The visual tokens are split into parts until this number of programs fills a GPU, or until parts would be too small.
PROGRAMS = 384
SMALLEST_PART = 256
ROW_TILE = KEY_TILE = 64


def text_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    visual_key: torch.Tensor,
    multiplicity: torch.Tensor,
    out: torch.Tensor,
    not_finite: torch.Tensor | None,
) -> None:
    """Compute the sum of weights of each row over each part of the visual tokens, then the share of each text key.

    The first part also contains the text keys.
    """
    query, key, visual_key = computable(query, key, visual_key)
    heads, keys, dim = query.shape
    concepts, tokens = len(out), visual_key.shape[1]
    block_q = block(concepts, at_most=ROW_TILE)
    tiles = triton.cdiv(concepts, block_q)
    rows = triton.cdiv(tokens, min(triton.cdiv(PROGRAMS, heads * tiles), triton.cdiv(tokens, SMALLEST_PART)))
    parts = triton.cdiv(tokens, rows)
    scale = dim**-0.5 * LOG2_E

    weight = torch.empty(heads, concepts, parts, dtype=torch.float32, device=query.device)
    _part_weights[(tiles, heads, parts)](
        query,
        key,
        visual_key,
        multiplicity,
        weight,
        concepts,
        keys,
        tokens,
        rows,
        scale,
        *query.stride(),
        *key.stride(),
        *visual_key.stride(),
        multiplicity.stride(0),
        DIM=dim,
        BLOCK_D=block(dim),
        BLOCK_Q=block_q,
    )
    block_k = block(concepts, at_most=KEY_TILE)
    _add_shares[(tiles, triton.cdiv(concepts, block_k))](
        query,
        key,
        multiplicity,
        weight,
        out,
        not_finite,
        heads,
        concepts,
        parts,
        scale,
        *query.stride(),
        *key.stride(),
        multiplicity.stride(0),
        *out.stride(),
        DIM=dim,
        BLOCK_D=block(dim),
        BLOCK_Q=block_q,
        BLOCK_K=block_k,
        BLOCK_S=triton.next_power_of_2(parts),
        num_warps=4,
    )


@triton.jit
def log_count(multiplicity, k, keys, key_stride):
    """The base-2 logarithm of the number of equal rows that each key represents. −inf of none, and beyond the keys."""
    count = tl.load(multiplicity + k * key_stride, mask=k < keys, other=0.0)
    return tl.where(count > 0.0, tl.log2(tl.maximum(count, 1e-30)), float("-inf"))


@triton.jit
def add_weights(total, peak, score):
    """Add a tile of scores to running sums of `2 ** (score - peak)`."""
    highest = tl.maximum(peak, tl.max(score, axis=1))
    return total * tl.exp2(peak - highest) + tl.sum(tl.exp2(score - highest[:, None]), axis=1), highest


@tuned(
    [
        triton.Config({"BLOCK_N": 64}, num_warps=4, num_stages=3),
        triton.Config({"BLOCK_N": 128}, num_warps=4, num_stages=3),
        triton.Config({"BLOCK_N": 32}, num_warps=4, num_stages=2),
    ],
    key=["concepts", "keys", "tokens", "rows", "BLOCK_D"],
)
@triton.jit
def _part_weights(
    query,
    key,
    visual_key,
    multiplicity,
    weight,
    concepts,
    keys,
    tokens,
    rows,
    scale,
    query_head,
    query_row,
    query_dim,
    key_head,
    key_row,
    key_dim,
    visual_key_head,
    visual_key_token,
    visual_key_dim,
    key_stride,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_Q: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    """Store log2 of the sum of weights of text rows over a part of the visual tokens.

    The first part also contains the text keys. A bias counts each of them `multiplicity` times.
    """
    head, part = tl.program_id(1).to(tl.int64), tl.program_id(2)
    row = tl.program_id(0) * BLOCK_Q + tl.arange(0, BLOCK_Q)
    lane = tl.arange(0, BLOCK_N)
    queries = load_rows(query + head * query_head, row, row < concepts, query_row, query_dim, DIM, BLOCK_D)
    total = tl.zeros([BLOCK_Q], tl.float32)
    peak = tl.full([BLOCK_Q], LEAST, tl.float32)

    key += head * key_head
    for start in range(0, tl.where(part == 0, keys, 0), BLOCK_N):
        k = start + lane
        text = load_rows(key, k, k < keys, key_row, key_dim, DIM, BLOCK_D)
        score = inner_products(queries, text) * scale + log_count(multiplicity, k, keys, key_stride)[None, :]
        total, peak = add_weights(total, peak, score)

    first = part.to(tl.int64) * rows
    count = tl.minimum(rows, tokens - part * rows)
    visual_key += head * visual_key_head + first * visual_key_token
    for start in range(0, count, BLOCK_N):
        n = start + lane
        visual = load_rows(visual_key, n, n < count, visual_key_token, visual_key_dim, DIM, BLOCK_D)
        score = inner_products(queries, visual) * scale + tl.where(n < count, 0.0, float("-inf"))[None, :]
        total, peak = add_weights(total, peak, score)

    at = weight + (head * concepts + row) * tl.num_programs(2) + part
    tl.store(at, peak + tl.log2(total), mask=row < concepts)


@triton.jit(do_not_specialize_on_alignment=["out", "not_finite"])
def _add_shares(
    query,
    key,
    multiplicity,
    weight,
    out,
    not_finite,
    heads,
    concepts,
    parts,
    scale,
    query_head,
    query_row,
    query_dim,
    key_head,
    key_row,
    key_dim,
    key_stride,
    out_row,
    out_key,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_Q: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_S: tl.constexpr,
):
    """Compute `out[r, c] += mean_h p[h, r, c]` for a tile of rows and keys, head after head."""
    row = tl.program_id(0) * BLOCK_Q + tl.arange(0, BLOCK_Q)
    k = tl.program_id(1) * BLOCK_K + tl.arange(0, BLOCK_K)
    part = tl.arange(0, BLOCK_S)
    bias = log_count(multiplicity, k, concepts, key_stride)
    mean = tl.zeros([BLOCK_Q, BLOCK_K], tl.float32)
    for _ in range(heads):
        queries = load_rows(query, row, row < concepts, query_row, query_dim, DIM, BLOCK_D)
        text = load_rows(key, k, k < concepts, key_row, key_dim, DIM, BLOCK_D)
        is_part = (row < concepts)[:, None] & (part < parts)[None, :]
        weights = tl.load(weight + row[:, None] * parts + part[None, :], mask=is_part, other=LEAST)
        highest = tl.max(weights, axis=1)
        total = highest + tl.log2(tl.sum(tl.exp2(weights - highest[:, None]), axis=1))
        total = tl.where(row < concepts, total, 0.0)  # a row that is not there must not overflow
        mean += tl.exp2(inner_products(queries, text) * scale + bias[None, :] - total[:, None])
        query += query_head
        key += key_head
        weight += concepts * parts
    mask = (row < concepts)[:, None] & (k < concepts)[None, :]
    mean = tl.where(mask, mean / heads, 0.0)
    note_not_finite(not_finite, mean)
    out += row.to(tl.int64)[:, None] * out_row + k.to(tl.int64)[None, :] * out_key
    tl.store(out, tl.load(out, mask=mask) + mean, mask=mask)

"""Concept attention in one pass over the visual keys and values, split along the keys."""

import torch
import triton
import triton.language as tl

from imap_kernels.heads import empty_rows
from imap_kernels.tile import LEAST, LOG2_E, add_to_softmax, inner_products, load_rows
from imap_kernels.tuning import block, computable, tuned

# The visual tokens are split into parts until this number of programs fills a GPU, or until parts would be too small.
PROGRAMS = 384
SMALLEST_PART = 256
QUERY_TILE = 64


def concept_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    visual_key: torch.Tensor,
    visual_value: torch.Tensor,
    multiplicity: torch.Tensor,
) -> torch.Tensor:
    """Compute attention over each part of the visual tokens, then the weighted mean of the parts.

    The first part also contains the concept rows.
    """
    output = empty_rows(query)
    query, key, value, visual_key, visual_value = computable(query, key, value, visual_key, visual_value)
    heads, keys, dim = query.shape
    tokens = visual_key.shape[1]
    block_q = block(keys, at_most=QUERY_TILE)
    tiles = triton.cdiv(keys, block_q)
    rows = triton.cdiv(tokens, min(triton.cdiv(PROGRAMS, heads * tiles), triton.cdiv(tokens, SMALLEST_PART)))
    parts = triton.cdiv(tokens, rows)

    mean = torch.empty(heads, parts, keys, dim, dtype=torch.float32, device=query.device)
    weight = torch.empty(heads, parts, keys, dtype=torch.float32, device=query.device)
    _part_attention[(tiles, heads, parts)](
        query,
        key,
        value,
        visual_key,
        visual_value,
        multiplicity,
        mean,
        weight,
        keys,
        tokens,
        rows,
        dim**-0.5 * LOG2_E,
        *query.stride(),
        *key.stride(),
        *value.stride(),
        *visual_key.stride(),
        *visual_value.stride(),
        multiplicity.stride(0),
        DIM=dim,
        BLOCK_D=block(dim),
        BLOCK_Q=block_q,
    )
    _merge_parts[(keys, heads)](
        mean,
        weight,
        output,
        keys,
        parts,
        DIM=dim,
        BLOCK_D=block(dim),
        BLOCK_S=triton.next_power_of_2(parts),
        num_warps=4,
    )
    return output


@tuned(
    [
        triton.Config({"BLOCK_N": 64}, num_warps=4, num_stages=3),
        triton.Config({"BLOCK_N": 64}, num_warps=4, num_stages=4),
        triton.Config({"BLOCK_N": 32}, num_warps=4, num_stages=2),
    ],
    key=["keys", "tokens", "rows", "BLOCK_D"],
)
@triton.jit
def _part_attention(
    query,
    key,
    value,
    visual_key,
    visual_value,
    multiplicity,
    mean_out,
    weight_out,
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
    value_head,
    value_row,
    value_dim,
    visual_key_head,
    visual_key_token,
    visual_key_dim,
    visual_value_head,
    visual_value_token,
    visual_value_dim,
    key_stride,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_Q: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    """Store the attention output of concept rows over a part of the visual tokens, and log2 of the sum of weights.

    The first part also contains the concept rows. A bias counts each of them `multiplicity` times.
    """
    head, part = tl.program_id(1).to(tl.int64), tl.program_id(2)
    row = tl.program_id(0) * BLOCK_Q + tl.arange(0, BLOCK_Q)
    lane = tl.arange(0, BLOCK_N)
    queries = load_rows(query + head * query_head, row, row < keys, query_row, query_dim, DIM, BLOCK_D)
    output = tl.zeros([BLOCK_Q, BLOCK_D], tl.float32)
    total = tl.zeros([BLOCK_Q], tl.float32)
    peak = tl.full([BLOCK_Q], LEAST, tl.float32)

    key += head * key_head
    value += head * value_head
    for start in range(0, tl.where(part == 0, keys, 0), BLOCK_N):
        c = start + lane
        count = tl.load(multiplicity + c * key_stride, mask=c < keys, other=0.0)
        bias = tl.where(count > 0.0, tl.log2(tl.maximum(count, 1e-30)), float("-inf"))
        k = load_rows(key, c, c < keys, key_row, key_dim, DIM, BLOCK_D)
        v = load_rows(value, c, c < keys, value_row, value_dim, DIM, BLOCK_D)
        score = inner_products(queries, k) * scale + bias[None, :]
        output, total, peak = add_to_softmax(output, total, peak, score, v)

    first = part.to(tl.int64) * rows
    count = tl.minimum(rows, tokens - part * rows)
    visual_key += head * visual_key_head + first * visual_key_token
    visual_value += head * visual_value_head + first * visual_value_token
    for start in range(0, count, BLOCK_N):
        n = start + lane
        bias = tl.where(n < count, 0.0, float("-inf"))
        k = load_rows(visual_key, n, n < count, visual_key_token, visual_key_dim, DIM, BLOCK_D)
        v = load_rows(visual_value, n, n < count, visual_value_token, visual_value_dim, DIM, BLOCK_D)
        score = inner_products(queries, k) * scale + bias[None, :]
        output, total, peak = add_to_softmax(output, total, peak, score, v)

    position = (head * tl.num_programs(2) + part) * keys + row
    d = tl.arange(0, BLOCK_D)[None, :]
    tl.store(mean_out + position[:, None] * DIM + d, output / total[:, None], mask=(row < keys)[:, None] & (d < DIM))
    tl.store(weight_out + position, peak + tl.log2(total), mask=row < keys)


@triton.jit
def _merge_parts(mean, weight, output, keys, parts, DIM: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_S: tl.constexpr):
    """Store the output of one row and head: the mean over the parts, weighted by their sums of weights."""
    row, head = tl.program_id(0), tl.program_id(1)
    part = tl.arange(0, BLOCK_S)
    position = (head * parts + part) * keys + row
    d = tl.arange(0, BLOCK_D)[None, :]
    log_weight = tl.load(weight + position, mask=part < parts, other=float("-inf"))
    share = tl.exp2(log_weight - tl.max(log_weight, axis=0))
    means = tl.load(mean + position[:, None] * DIM + d, mask=(part < parts)[:, None] & (d < DIM), other=0.0)
    merged = tl.sum(share[:, None] * means, axis=0) / tl.sum(share, axis=0)
    lane = tl.arange(0, BLOCK_D)
    # In the layout of the models: the heads of a row are adjacent.
    tl.store(output + (row * tl.num_programs(1) + head) * DIM + lane, merged, mask=lane < DIM)

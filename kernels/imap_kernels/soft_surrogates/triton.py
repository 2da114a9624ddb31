"""Soft surrogates and the moments of frames in one pass over queries and features, split along the frames."""

import torch
import triton
import triton.language as tl

from imap_kernels.frame_separation import reference as separation
from imap_kernels.frame_separation.triton import moments, score_of_moments
from imap_kernels.tile import LEAST, LOG2_E, add_to_softmax, inner_products, load_rows, note_not_finite
from imap_kernels.tuning import block, computable, tuned

# The largest number of patches of a frame that one program reads, and the largest number of text keys in a tile.
PART_ROWS = 2048
KEY_TILE = 64
# The number of values, of all text keys and several parts, that are merged at a time.
MERGED = 8192


def soft_surrogates(
    query: torch.Tensor,
    key: torch.Tensor,
    features: torch.Tensor,
    frames: int,
    scale: float,
    over: str,
    score: str,
    not_finite: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Launch a program for each part of a frame, and then one for each surrogate and 16 of its dimensions.

    `silhouette` uses the reference. With one frame, or one patch in a frame, every score is 0.
    """
    heads, keys, dim = key.shape
    patches = query.shape[1] // frames
    parts = triton.cdiv(patches, PART_ROWS)
    rows = triton.cdiv(patches, parts)
    segments = frames if over == "frame" else 1
    surrogates = features.new_empty(heads, keys, segments, dim)
    query, key, features = computable(query, key, features)

    def empty(*shape: int) -> torch.Tensor:
        return torch.empty(heads, frames, parts, *shape, dtype=torch.float32, device=query.device)

    attended, weight, mean, scatter = empty(keys, dim), empty(keys), empty(dim), empty()
    block_k = block(keys, at_most=KEY_TILE)
    _attend_part[(triton.cdiv(keys, block_k), heads, frames * parts)](
        query,
        key,
        features,
        attended,
        weight,
        mean,
        scatter,
        not_finite,
        patches,
        keys,
        parts,
        rows,
        scale * LOG2_E,
        *query.stride(),
        *key.stride(),
        *features.stride(),
        DIM=dim,
        BLOCK_D=block(dim),
        BLOCK_K=block_k,
    )
    merged = frames * parts // segments
    every_key = triton.next_power_of_2(keys)
    _merge_surrogates[(segments, heads, triton.cdiv(dim, 16))](
        attended,
        weight,
        surrogates,
        keys,
        merged,
        *surrogates.stride()[:3],
        DIM=dim,
        BLOCK_D=16,
        BLOCK_K=every_key,
        BLOCK_S=max(1, min(triton.next_power_of_2(merged), MERGED // (16 * every_key))),
        num_warps=4,
    )
    if score == "silhouette" or 1 in (frames, patches):
        return surrogates, separation.frame_separation(features, frames, score, None)
    return surrogates, score_of_moments(features, mean, scatter, rows, score)


@tuned(
    [
        triton.Config({"BLOCK_P": 64}, num_warps=4, num_stages=3),
        triton.Config({"BLOCK_P": 64}, num_warps=8, num_stages=4),
        triton.Config({"BLOCK_P": 32}, num_warps=4, num_stages=2),
    ],
    key=["patches", "keys", "BLOCK_D"],
)
@triton.jit(do_not_specialize_on_alignment=["not_finite"])
def _attend_part(
    query,
    key,
    features,
    attended_out,
    weight_out,
    mean_out,
    scatter_out,
    not_finite,
    patches,
    keys,
    parts,
    rows,
    scale,
    query_head,
    query_token,
    query_dim,
    key_head,
    key_row,
    key_dim,
    feature_head,
    feature_token,
    feature_dim,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_P: tl.constexpr,
):
    """Store the attention output of text keys over a part of a frame, log2 of the sum of weights, and moments.

    The moments are the mean `m` of the features and `Σ ‖x - m‖²`, relative to the first token of the head. Tiles are
    merged with the method of Chan. The programs of the first tile of text keys store them.
    """
    head, position = tl.program_id(1).to(tl.int64), tl.program_id(2)
    part = position % parts
    first = (position // parts).to(tl.int64) * patches + part * rows
    size = tl.minimum(rows, patches - part * rows)
    k = tl.program_id(0) * BLOCK_K + tl.arange(0, BLOCK_K)
    lane, d = tl.arange(0, BLOCK_P), tl.arange(0, BLOCK_D)
    text = load_rows(key + head * key_head, k, k < keys, key_row, key_dim, DIM, BLOCK_D)
    query += head * query_head + first * query_token
    features += head * feature_head
    origin = tl.load(features + d * feature_dim, mask=d < DIM, other=0.0).to(tl.float32)
    features += first * feature_token

    attended = tl.zeros([BLOCK_K, BLOCK_D], tl.float32)
    total = tl.zeros([BLOCK_K], tl.float32)
    peak = tl.full([BLOCK_K], LEAST, tl.float32)
    poison = tl.zeros([BLOCK_K], tl.float32)
    mean = tl.zeros([BLOCK_D], tl.float32)
    scatter = 0.0
    for start in range(0, size, BLOCK_P):
        p = start + lane
        q = load_rows(query, p, p < size, query_token, query_dim, DIM, BLOCK_D)
        x = load_rows(features, p, p < size, feature_token, feature_dim, DIM, BLOCK_D)
        score = inner_products(text, q)
        poison += tl.sum(score * 0.0, axis=1)
        score = tl.where((p < size)[None, :], score * scale, float("-inf"))
        attended, total, peak = add_to_softmax(attended, total, peak, score, x)
        added = tl.minimum(BLOCK_P, size - start)
        tile_mean, tile_scatter = moments(x.to(tl.float32) - origin[None, :], p < size, added)
        shift = tile_mean - mean
        share = added / (start + added)
        scatter += tile_scatter + tl.sum(shift * shift) * (start * share)
        mean += shift * share

    place = head * tl.num_programs(2) + position
    at = (place * keys + k)[:, None] * DIM + d[None, :]
    tl.store(attended_out + at, attended / total[:, None], mask=(k < keys)[:, None] & (d < DIM)[None, :])
    tl.store(weight_out + place * keys + k, peak + tl.log2(total), mask=k < keys)
    note_not_finite(not_finite, poison)
    if tl.program_id(0) == 0:
        tl.store(mean_out + place * DIM + d, mean, mask=d < DIM)
        tl.store(scatter_out + place, scatter)
        note_not_finite(not_finite, mean)


@triton.jit
def _merge_surrogates(
    attended,
    weight,
    surrogates,
    keys,
    parts,
    surrogate_head,
    surrogate_key,
    surrogate_segment,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_S: tl.constexpr,
):
    """Store some dimensions of the surrogates of all text keys in one head and segment, minus their mean.

    A surrogate is the mean over the `parts` of its segment, weighted by their sums of weights.
    """
    segment, head = tl.program_id(0), tl.program_id(1).to(tl.int64)
    k, d = tl.arange(0, BLOCK_K), tl.program_id(2) * BLOCK_D + tl.arange(0, BLOCK_D)
    merged = tl.zeros([BLOCK_K, BLOCK_D], tl.float32)
    total = tl.zeros([BLOCK_K], tl.float32)
    peak = tl.full([BLOCK_K], LEAST, tl.float32)
    for start in range(0, parts, BLOCK_S):
        part = start + tl.arange(0, BLOCK_S)
        valid = (part < parts)[:, None] & (k < keys)[None, :]
        at = ((head * tl.num_programs(0) + segment) * parts + part)[:, None] * keys + k[None, :]
        log_weight = tl.load(weight + at, mask=valid, other=float("-inf"))
        mask = valid[:, :, None] & (d < DIM)[None, None, :]
        means = tl.load(attended + at[:, :, None] * DIM + d[None, None, :], mask=mask, other=0.0)
        highest = tl.maximum(peak, tl.max(log_weight, axis=0))
        shrink = tl.exp2(peak - highest)
        share = tl.exp2(log_weight - highest[None, :])
        merged = merged * shrink[:, None] + tl.sum(share[:, :, None] * means, axis=0)
        total = total * shrink + tl.sum(share, axis=0)
        peak = highest
    valid = (k < keys)[:, None]
    surrogate = tl.where(valid, merged / tl.where(k < keys, total, 1.0)[:, None], 0.0)
    surrogate -= (tl.sum(surrogate, axis=0) / keys)[None, :]
    surrogates += head * surrogate_head + segment * surrogate_segment
    at = k[:, None].to(tl.int64) * surrogate_key + d[None, :]
    tl.store(surrogates + at, surrogate.to(surrogates.dtype.element_ty), mask=valid & (d < DIM)[None, :])

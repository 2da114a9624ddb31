"""GramCol, contrast and accumulation in one kernel if a tile holds all text keys, and in two kernels otherwise."""

import torch
import triton
import triton.language as tl

from imap_kernels.gram_column.key_moments import KEY_TILE, key_moments
from imap_kernels.gram_column.tile import contrast, load_surrogates, surrogate_strides, weights_of
from imap_kernels.key_softmax import add_softmax, softmax_over_keys
from imap_kernels.tile import inner_products, load_rows, of_unit_length
from imap_kernels.tuning import block, computable, tuned

# The largest number of regions in a tile: beside at most 16 text keys, and beside more, because they share registers.
REGION_TILE, SMALL_REGION_TILE = 32, 16


def gram_column(
    features: torch.Tensor,
    surrogates: torch.Tensor,
    multiplicity: torch.Tensor,
    head_weights: torch.Tensor,
    out: torch.Tensor,
    normalize: str,
    region_rows: torch.Tensor | None = None,
    unit_length: torch.Tensor | None = None,
    region_out: torch.Tensor | None = None,
) -> None:
    """Add the maps of one layer to `out`, with a program for each frame, tile of patches and tile of text keys.

    For more than 64 text keys, another kernel first computes the moments over all keys. A softmax over them also needs
    a buffer with the maps of this layer for all keys. The first programs of a tile of patches also take a tile of
    regions each.
    """
    features, surrogates = computable(features, surrogates)
    regions = None
    if region_rows is not None and unit_length is not None and region_out is not None:
        (region_rows,) = computable(region_rows)
        regions = region_rows, unit_length, region_out
    keys = surrogates.shape[1]
    if keys <= KEY_TILE:
        softmax = normalize == "softmax"
        _accumulate(features, surrogates, multiplicity, head_weights, None, out, regions, softmax=softmax)
        return
    moments = key_moments(features, surrogates, multiplicity, head_weights)
    if normalize == "none":
        _accumulate(features, surrogates, multiplicity, head_weights, moments, out, regions)
        return
    maps = out.new_zeros(len(head_weights), keys, features.shape[1])
    _accumulate(features, surrogates, multiplicity, head_weights, moments, maps, regions)
    add_softmax(maps, multiplicity, out)


def _accumulate(
    features: torch.Tensor,
    surrogates: torch.Tensor,
    multiplicity: torch.Tensor,
    head_weights: torch.Tensor,
    moments: torch.Tensor | None,
    out: torch.Tensor,
    regions: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None,
    softmax: bool = False,
) -> None:
    """Add the maps of the first `out.shape[1]` keys, and of regions: their rows, unit lengths and running maps.

    `moments` is None if one tile holds all keys.
    """
    heads, tokens, dim = features.shape
    keys, frames = surrogates.shape[1:3]
    patches = tokens // frames
    block_k = block(keys, at_most=KEY_TILE)
    add_maps = _add_maps_at_index if surrogates.dim() == 3 else _add_maps_of_tokens
    # The strides are ones where there is no tensor: Triton leaves them out of the kernel.
    rows = unit_length = region_out = None
    region_count, region_strides, block_r = 1, [1] * 6, 16
    if regions is not None:
        add_maps = _add_maps_and_regions
        rows, unit_length, region_out = regions
        region_count = rows.shape[1]
        region_strides = [*rows.stride(), unit_length.stride(0), *region_out.stride()]
        block_r = block(region_count, at_most=REGION_TILE if block_k == 16 else SMALL_REGION_TILE)
    tiles = max(triton.cdiv(out.shape[1], block_k), triton.cdiv(region_count, block_r))

    def grid(meta: dict[str, int]) -> tuple[int, int, int]:
        return triton.cdiv(patches, meta["BLOCK_P"]), frames, tiles

    add_maps[grid](
        features,
        surrogates,
        multiplicity,
        head_weights,
        moments,
        out,
        rows,
        unit_length,
        region_out,
        heads,
        frames,
        patches,
        keys,
        out.shape[1],
        region_count,
        *features.stride(),
        *surrogate_strides(surrogates),
        multiplicity.stride(0),
        *head_weights.stride(),
        *out.stride(),
        *region_strides,
        MAPS=len(head_weights),
        SOFTMAX=softmax,
        DIM=dim,
        BLOCK_D=block(dim),
        BLOCK_K=block_k,
        BLOCK_R=block_r,
        BLOCK_A=triton.next_power_of_2(heads),
    )


@triton.jit
def _add_maps(
    features,
    surrogates,
    multiplicity,
    head_weights,
    moments,
    out,
    region_rows,
    unit_length,
    region_out,
    heads,
    frames,
    patches,
    keys,
    concepts,
    regions,
    feature_head,
    feature_token,
    feature_dim,
    surrogate_head,
    surrogate_key,
    surrogate_frame,
    surrogate_dim,
    key_stride,
    weight_map,
    weight_head,
    out_map,
    out_concept,
    out_token,
    row_head,
    row_region,
    row_dim,
    unit_stride,
    region_out_region,
    region_out_token,
    MAPS: tl.constexpr,
    SOFTMAX: tl.constexpr,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_R: tl.constexpr,
    BLOCK_A: tl.constexpr,
    BLOCK_P: tl.constexpr,
):
    """Compute `out[m, c] += normalize_c(Σ_h head_weights[m, h] · (g[h, c] - mean_c g[h]) / (std_c g[h] + 1e-6))`.

    The maps of a tile of patches and keys stay in registers while the program goes through the heads in order. Heads of
    weight 0 in all maps are skipped, unless there are regions, which need all heads: `region_out[r] += Σ_h
    region_rows[h, r] · o[h]`. There are no atomics, so a repeated call gives the same bits.
    """
    frame = tl.program_id(1)
    p = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    k = tl.program_id(2) * BLOCK_K + tl.arange(0, BLOCK_K)
    count = tl.load(multiplicity + k * key_stride, mask=k < keys, other=0.0)
    total = tl.sum(count, axis=0)
    features += frame.to(tl.int64) * patches * feature_token

    head_lane = tl.arange(0, BLOCK_A)
    lane_weight = weights_of(head_weights, tl.where(head_lane < heads, head_lane, 0), weight_map, weight_head, MAPS)
    read = head_lane < heads
    if region_rows is None:
        read &= (lane_weight[0] != 0.0) | (lane_weight[1] != 0.0)
    order = tl.cumsum(read.to(tl.int32), axis=0)

    first_map = tl.zeros([BLOCK_P, BLOCK_K], tl.float32)
    last_map = tl.zeros([BLOCK_P, BLOCK_K], tl.float32)
    if region_rows is not None:
        r = tl.program_id(2) * BLOCK_R + tl.arange(0, BLOCK_R)
        is_unit = tl.load(unit_length + r * unit_stride, mask=r < regions, other=0) != 0
        region_map = tl.zeros([BLOCK_P, BLOCK_R], tl.float32)
    for i in range(tl.max(order, axis=0)):
        head = tl.sum(tl.where(read & (order == i + 1), head_lane, 0), axis=0).to(tl.int64)
        head_features = features + head * feature_head
        feature = load_rows(head_features, p, p < patches, feature_token, feature_dim, DIM, BLOCK_D)
        surrogate = load_surrogates(
            head_features,
            surrogates + head * surrogate_head,
            frame,
            k,
            keys,
            feature_token,
            feature_dim,
            surrogate_key,
            surrogate_frame,
            surrogate_dim,
            DIM,
            BLOCK_D,
        )
        column = inner_products(feature, surrogate)
        if moments is None:
            z = contrast(column, count, total, BLOCK_K)
        else:
            token = moments + head * (frames * patches) + frame * patches + p
            mean = tl.load(token, mask=p < patches, other=0.0)
            inverse = tl.load(token + heads * (frames * patches), mask=p < patches, other=0.0)
            z = (column - mean[:, None]) * inverse[:, None]
        first, last = weights_of(head_weights, head, weight_map, weight_head, MAPS)
        first_map += tl.where(first != 0.0, first * z, 0.0)
        if MAPS == 2:
            last_map += tl.where(last != 0.0, last * z, 0.0)
        if region_rows is not None:
            row = load_rows(region_rows + head * row_head, r, r < regions, row_region, row_dim, DIM, BLOCK_D)
            region_map += of_unit_length(inner_products(feature, row), feature, is_unit)

    if SOFTMAX:
        first_map = softmax_over_keys(first_map, count, k < keys)
        last_map = softmax_over_keys(last_map, count, k < keys)
    out += k.to(tl.int64)[None, :] * out_concept + (frame * patches + p)[:, None].to(tl.int64) * out_token
    mask = (p < patches)[:, None] & (k < concepts)[None, :]
    tl.store(out, tl.load(out, mask=mask) + first_map, mask=mask)
    if MAPS == 2:
        tl.store(out + out_map, tl.load(out + out_map, mask=mask) + last_map, mask=mask)
    if region_rows is not None:
        region_out += r.to(tl.int64)[None, :] * region_out_region
        region_out += (frame * patches + p)[:, None].to(tl.int64) * region_out_token
        mask = (p < patches)[:, None] & (r < regions)[None, :]
        tl.store(region_out, tl.load(region_out, mask=mask) + region_map, mask=mask)


SHAPES = ["heads", "frames", "patches", "keys", "MAPS", "SOFTMAX", "BLOCK_D"]

# Indices are loaded before their rows, so one tile takes two pipeline stages.
_add_maps_at_index = tuned(
    [
        triton.Config({"BLOCK_P": 32}, num_warps=2, num_stages=6),
        triton.Config({"BLOCK_P": 64}, num_warps=4, num_stages=8),
        triton.Config({"BLOCK_P": 32}, num_warps=2, num_stages=4),
    ],
    key=SHAPES,
    restore=["out"],
)(_add_maps)

_add_maps_of_tokens = tuned(
    [
        triton.Config({"BLOCK_P": 32}, num_warps=2, num_stages=4),
        triton.Config({"BLOCK_P": 64}, num_warps=4, num_stages=4),
        triton.Config({"BLOCK_P": 32}, num_warps=2, num_stages=3),
    ],
    key=SHAPES,
    restore=["out"],
)(_add_maps)

# As many warps for a row as above, so that the sums over text keys have the same order.
_add_maps_and_regions = tuned(
    [
        triton.Config({"BLOCK_P": 32}, num_warps=2, num_stages=4),
        triton.Config({"BLOCK_P": 64}, num_warps=4, num_stages=4),
        triton.Config({"BLOCK_P": 64}, num_warps=4, num_stages=2),
    ],
    key=[*SHAPES, "BLOCK_R"],
    restore=["out", "region_out"],
)(_add_maps)

"""GramCol, contrast and accumulation in one kernel if a tile holds all text keys, and in two kernels otherwise."""

import torch
import triton
import triton.language as tl

from imap_kernels.gram_column.key_moments import KEY_TILE, key_moments
from imap_kernels.gram_column.tile import contrast, load_surrogates, surrogate_strides, weights_of
from imap_kernels.key_softmax import add_softmax, softmax_over_keys
from imap_kernels.tile import inner_products, load_rows
from imap_kernels.tuning import block, computable, tuned


def gram_column(
    features: torch.Tensor,
    surrogates: torch.Tensor,
    multiplicity: torch.Tensor,
    head_weights: torch.Tensor,
    out: torch.Tensor,
    normalize: str,
) -> None:
    """Add the maps of one layer to `out`, with a program for each frame, tile of patches and tile of text keys.

    For more than 64 text keys, another kernel first computes the moments over all keys. A softmax over them also needs
    a buffer with the maps of this layer for all keys.
    """
    features, surrogates = computable(features, surrogates)
    keys = surrogates.shape[1]
    if keys <= KEY_TILE:
        _accumulate(features, surrogates, multiplicity, head_weights, None, out, softmax=normalize == "softmax")
        return
    moments = key_moments(features, surrogates, multiplicity, head_weights)
    if normalize == "none":
        _accumulate(features, surrogates, multiplicity, head_weights, moments, out)
        return
    maps = out.new_zeros(len(head_weights), keys, features.shape[1])
    _accumulate(features, surrogates, multiplicity, head_weights, moments, maps)
    add_softmax(maps, multiplicity, out)


def _accumulate(
    features: torch.Tensor,
    surrogates: torch.Tensor,
    multiplicity: torch.Tensor,
    head_weights: torch.Tensor,
    moments: torch.Tensor | None,
    out: torch.Tensor,
    softmax: bool = False,
) -> None:
    """Add the maps of the first `out.shape[1]` keys. `moments` is None if one tile holds all keys."""
    heads, tokens, dim = features.shape
    keys, frames = surrogates.shape[1:3]
    patches = tokens // frames
    block_k = block(keys, at_most=KEY_TILE)

    def grid(meta: dict[str, int]) -> tuple[int, int, int]:
        return triton.cdiv(patches, meta["BLOCK_P"]), frames, triton.cdiv(out.shape[1], block_k)

    add_maps = _add_maps_at_index if surrogates.dim() == 3 else _add_maps_of_tokens
    add_maps[grid](
        features,
        surrogates,
        multiplicity,
        head_weights,
        moments,
        out,
        heads,
        frames,
        patches,
        keys,
        out.shape[1],
        *features.stride(),
        *surrogate_strides(surrogates),
        multiplicity.stride(0),
        *head_weights.stride(),
        *out.stride(),
        MAPS=len(head_weights),
        SOFTMAX=softmax,
        DIM=dim,
        BLOCK_D=block(dim),
        BLOCK_K=block_k,
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
    heads,
    frames,
    patches,
    keys,
    concepts,
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
    MAPS: tl.constexpr,
    SOFTMAX: tl.constexpr,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_A: tl.constexpr,
    BLOCK_P: tl.constexpr,
):
    """Compute `out[m, c] += normalize_c(Σ_h head_weights[m, h] · (g[h, c] - mean_c g[h]) / (std_c g[h] + 1e-6))`.

    The maps of a tile of patches and keys stay in registers while the program goes through the heads in order. Heads of
    weight 0 in all maps are skipped. There are no atomics, so a repeated call gives the same bits.
    """
    frame = tl.program_id(1)
    p = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    k = tl.program_id(2) * BLOCK_K + tl.arange(0, BLOCK_K)
    count = tl.load(multiplicity + k * key_stride, mask=k < keys, other=0.0)
    total = tl.sum(count, axis=0)
    features += frame.to(tl.int64) * patches * feature_token

    head_lane = tl.arange(0, BLOCK_A)
    lane_weight = weights_of(head_weights, tl.where(head_lane < heads, head_lane, 0), weight_map, weight_head, MAPS)
    read = (head_lane < heads) & ((lane_weight[0] != 0.0) | (lane_weight[1] != 0.0))
    order = tl.cumsum(read.to(tl.int32), axis=0)

    first_map = tl.zeros([BLOCK_P, BLOCK_K], tl.float32)
    last_map = tl.zeros([BLOCK_P, BLOCK_K], tl.float32)
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

    if SOFTMAX:
        first_map = softmax_over_keys(first_map, count, k < keys)
        last_map = softmax_over_keys(last_map, count, k < keys)
    out += k.to(tl.int64)[None, :] * out_concept + (frame * patches + p)[:, None].to(tl.int64) * out_token
    mask = (p < patches)[:, None] & (k < concepts)[None, :]
    tl.store(out, tl.load(out, mask=mask) + first_map, mask=mask)
    if MAPS == 2:
        tl.store(out + out_map, tl.load(out + out_map, mask=mask) + last_map, mask=mask)


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

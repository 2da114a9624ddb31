"""Mean and standard deviation over text keys that do not fit into one tile."""

import torch
import triton
import triton.language as tl

from imap_kernels.gram_column.tile import first_key, load_surrogates, surrogate_strides, weights_of
from imap_kernels.tile import inner_products, load_rows
from imap_kernels.tuning import block, tuned

# The number of text keys in a tile. More keys need several tiles.
KEY_TILE = 64


def key_moments(
    features: torch.Tensor, surrogates: torch.Tensor, multiplicity: torch.Tensor, head_weights: torch.Tensor
) -> torch.Tensor:
    """Compute the mean over text keys, and `1 / (std + 1e-6)`, of every head and token: fp32 `[2, heads, tokens]`."""
    heads, tokens, dim = features.shape
    keys, frames = surrogates.shape[1:3]
    patches = tokens // frames
    moments = torch.empty(2, heads, tokens, dtype=torch.float32, device=features.device)

    def grid(meta: dict[str, int]) -> tuple[int, int, int]:
        return triton.cdiv(patches, meta["BLOCK_P"]), frames, heads

    _moments_over_keys[grid](
        features,
        surrogates,
        multiplicity,
        head_weights,
        moments,
        frames,
        patches,
        keys,
        *features.stride(),
        *surrogate_strides(surrogates),
        multiplicity.stride(0),
        *head_weights.stride(),
        MAPS=len(head_weights),
        DIM=dim,
        BLOCK_D=block(dim),
        BLOCK_K=KEY_TILE,
    )
    return moments


@tuned(
    [
        triton.Config({"BLOCK_P": 64}, num_warps=4, num_stages=2),
        triton.Config({"BLOCK_P": 128}, num_warps=8, num_stages=2),
    ],
    key=["frames", "patches", "keys", "BLOCK_D"],
)
@triton.jit
def _moments_over_keys(
    features,
    surrogates,
    multiplicity,
    head_weights,
    moments,
    frames,
    patches,
    keys,
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
    MAPS: tl.constexpr,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_P: tl.constexpr,
):
    """Store `mean_c g` and `1 / (std_c g + 1e-6)` of a head and a tile of patches, merged over tiles of text keys."""
    frame, head = tl.program_id(1), tl.program_id(2).to(tl.int64)
    first, last = weights_of(head_weights, head, weight_map, weight_head, MAPS)
    if (first == 0.0) & (last == 0.0):
        return
    p = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    features += head * feature_head + frame.to(tl.int64) * patches * feature_token
    feature = load_rows(features, p, p < patches, feature_token, feature_dim, DIM, BLOCK_D)
    surrogates += head * surrogate_head
    k = tl.arange(0, BLOCK_K)
    surrogate = load_surrogates(
        features,
        surrogates,
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
    origin = first_key(inner_products(feature, surrogate), BLOCK_K)

    total = 0.0
    mean = tl.zeros([BLOCK_P], tl.float32)
    scatter = tl.zeros([BLOCK_P], tl.float32)
    for start in range(0, keys, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K)
        count = tl.load(multiplicity + k * key_stride, mask=k < keys, other=0.0)
        surrogate = load_surrogates(
            features,
            surrogates,
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
        deviation = inner_products(feature, surrogate) - origin[:, None]
        tile_total = tl.sum(count, axis=0)
        tile_mean = tl.sum(count[None, :] * deviation, axis=1) / tl.maximum(tile_total, 1.0)
        deviation -= tile_mean[:, None]
        shift = tile_mean - mean
        share = tile_total / tl.maximum(total + tile_total, 1.0)
        scatter += tl.sum(count[None, :] * deviation * deviation, axis=1) + shift * shift * (total * share)
        mean += shift * share
        total += tile_total
    inverse = 1.0 / (tl.sqrt(scatter / tl.maximum(total - 1.0, 1.0)) + 1e-6)

    heads = tl.num_programs(2)
    tokens = frames * patches
    moments += head * tokens + frame * patches + p
    tl.store(moments, origin + mean, mask=p < patches)
    tl.store(moments + heads * tokens, inverse, mask=p < patches)

"""GramCol of all heads and the moments of frames from one pass over the features."""

import torch
import triton
import triton.language as tl

from imap_kernels.frame_separation import triton as frame_separation
from imap_kernels.frame_separation.triton import moments, variance_ratio
from imap_kernels.gram_column import triton as gram_column
from imap_kernels.gram_column.key_moments import KEY_TILE
from imap_kernels.gram_column.tile import contrast, load_surrogates
from imap_kernels.key_softmax import softmax_over_keys
from imap_kernels.tile import inner_products, load_rows, note_not_finite
from imap_kernels.tuning import block, computable, tuned

# The number of patches in a tile, which is also the part of a frame whose moments are stored.
PART_ROWS = 32


def gram_separation(
    features: torch.Tensor,
    surrogate_index: torch.Tensor,
    multiplicity: torch.Tensor,
    out: torch.Tensor,
    score: str,
    normalize: str,
    not_finite: torch.Tensor | None,
) -> torch.Tensor:
    """Launch a program for each frame and tile of patches, then one for each head, which merges the moments.

    Two passes are needed for more than 64 text keys, for another score, and where every score is 0.
    """
    heads, tokens, dim = features.shape
    keys, frames = surrogate_index.shape[1:]
    patches = tokens // frames
    if keys > KEY_TILE or score not in ("chi", "fisher") or 1 in (frames, patches):
        every_head = multiplicity.new_ones(1, heads)
        gram_column.gram_column(features, surrogate_index, multiplicity, every_head, out[None], normalize)
        return frame_separation.frame_separation(features, frames, score, not_finite)

    (features,) = computable(features)
    parts = triton.cdiv(patches, PART_ROWS)
    mean = torch.empty(heads, frames, parts, dim, dtype=torch.float32, device=features.device)
    scatter = torch.empty(heads, frames, parts, dtype=torch.float32, device=features.device)
    _add_map_and_moments[(parts, frames)](
        features,
        surrogate_index,
        multiplicity,
        out,
        mean,
        scatter,
        not_finite,
        heads,
        frames,
        patches,
        keys,
        len(out),
        *features.stride(),
        *surrogate_index.stride(),
        multiplicity.stride(0),
        *out.stride(),
        SOFTMAX=normalize == "softmax",
        DIM=dim,
        BLOCK_D=block(dim),
        BLOCK_K=block(keys),
        BLOCK_P=PART_ROWS,
    )
    return variance_ratio(mean, scatter, patches, PART_ROWS, score)


@tuned(
    [
        # Indices are loaded before their rows, so one tile takes two pipeline stages.
        triton.Config({}, num_warps=2, num_stages=8),
        triton.Config({}, num_warps=4, num_stages=4),
        triton.Config({}, num_warps=2, num_stages=6),
    ],
    key=["heads", "frames", "patches", "keys", "SOFTMAX", "BLOCK_D"],
    restore=["out"],
)
@triton.jit(do_not_specialize_on_alignment=["not_finite"])
def _add_map_and_moments(
    features,
    index,
    multiplicity,
    out,
    mean_out,
    scatter_out,
    not_finite,
    heads,
    frames,
    patches,
    keys,
    concepts,
    feature_head,
    feature_token,
    feature_dim,
    index_head,
    index_key,
    index_frame,
    key_stride,
    out_concept,
    out_token,
    SOFTMAX: tl.constexpr,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_P: tl.constexpr,
):
    """Compute `out[c] += normalize_c(Σ_h (g[h, c] - mean_c g[h]) / (std_c g[h] + 1e-6))`, and moments of a tile.

    The tile of each head gives its part of `g`, its mean `m` and `Σ ‖x - m‖²`, relative to the first token of the head.
    """
    part, frame = tl.program_id(0), tl.program_id(1)
    row = tl.arange(0, BLOCK_P)
    p = part * BLOCK_P + row
    size = tl.minimum(BLOCK_P, patches - part * BLOCK_P)
    k = tl.arange(0, BLOCK_K)
    d = tl.arange(0, BLOCK_D)
    count = tl.load(multiplicity + k * key_stride, mask=k < keys, other=0.0)
    total = tl.sum(count, axis=0)

    gram = tl.zeros([BLOCK_P, BLOCK_K], tl.float32)
    poison = tl.zeros([BLOCK_D], tl.float32)
    position = frame.to(tl.int64) * tl.num_programs(0) + part
    for _ in range(heads):
        origin = tl.load(features + d * feature_dim, mask=d < DIM, other=0.0).to(tl.float32)
        of_frame = features + frame.to(tl.int64) * patches * feature_token
        feature = load_rows(of_frame, p, p < patches, feature_token, feature_dim, DIM, BLOCK_D)
        surrogate = load_surrogates(
            of_frame, index, frame, k, keys, feature_token, feature_dim, index_key, index_frame, 1, DIM, BLOCK_D
        )
        gram += contrast(inner_products(feature, surrogate), count, total, BLOCK_K)
        mean, scatter = moments(feature.to(tl.float32) - origin[None, :], row < size, size)
        tl.store(mean_out + position * DIM + d, mean, mask=d < DIM)
        tl.store(scatter_out + position, scatter)
        poison += mean * 0.0
        features += feature_head
        index += index_head
        position += frames * tl.num_programs(0)

    note_not_finite(not_finite, poison)
    if SOFTMAX:
        gram = softmax_over_keys(gram, count, k < keys)
    out += k.to(tl.int64)[None, :] * out_concept + (frame * patches + p)[:, None].to(tl.int64) * out_token
    mask = (p < patches)[:, None] & (k < concepts)[None, :]
    tl.store(out, tl.load(out, mask=mask) + gram, mask=mask)

"""Frame separation in one pass over the features (`chi`, `fisher`), or two (`dbi`)."""

import torch
import triton
import triton.language as tl

from imap_kernels.frame_separation import reference
from imap_kernels.tile import load_rows, note_not_finite
from imap_kernels.tuning import block, computable, tuned

# The number of patches of a frame that one program holds in registers.
PART_ROWS = 128
# The number of parts, of one frame or of several, that are merged at a time.
MERGED_PARTS = 32


def frame_separation(features: torch.Tensor, frames: int, score: str, not_finite: torch.Tensor | None) -> torch.Tensor:
    """Compute the moments of the parts of each frame, and the score from them.

    `silhouette`, one frame, and one patch in a frame use the reference.
    """
    _, tokens, _ = features.shape
    if score == "silhouette" or frames in (1, tokens):
        return reference.frame_separation(features, frames, score, not_finite)
    (features,) = computable(features)
    patches = tokens // frames
    mean, scatter = part_moments(features, frames, not_finite)
    return score_of_moments(features, mean, scatter, rows_of_part(patches), score)


def score_of_moments(
    features: torch.Tensor, mean: torch.Tensor, scatter: torch.Tensor, rows: int, score: str
) -> torch.Tensor:
    """Compute `chi`, `fisher` or `dbi` from the moments of parts of `rows` patches, as `part_moments` returns them."""
    patches = features.shape[1] // mean.shape[1]
    if score == "dbi":
        frame_mean = merge_parts(mean, patches, rows)
        return reference.davies_bouldin(frame_mean, frame_spread(features, frame_mean))
    return variance_ratio(mean, scatter, patches, rows, score)


def part_moments(
    features: torch.Tensor, frames: int, not_finite: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute the moments of every frame, in parts of at most 128 patches.

    Returns:
        The means, relative to the first token of the head, fp32 `[heads, frames, parts, head dim]`, and the sums of
        squared distances to them, fp32 `[heads, frames, parts]`.
    """
    heads, tokens, dim = features.shape
    patches = tokens // frames
    parts = triton.cdiv(patches, PART_ROWS)
    mean = torch.empty(heads, frames, parts, dim, dtype=torch.float32, device=features.device)
    scatter = torch.empty(heads, frames, parts, dtype=torch.float32, device=features.device)
    _part_moments[(heads, parts, frames)](
        features,
        mean,
        scatter,
        not_finite,
        frames,
        patches,
        *features.stride(),
        DIM=dim,
        BLOCK_D=block(dim),
        BLOCK_P=block(triton.cdiv(patches, parts)),
    )
    return mean, scatter


def rows_of_part(patches: int) -> int:
    """The number of patches in each part of a frame except the last."""
    return triton.cdiv(patches, triton.cdiv(patches, PART_ROWS))


def variance_ratio(mean: torch.Tensor, scatter: torch.Tensor, patches: int, rows: int, score: str) -> torch.Tensor:
    """Compute `chi` or `fisher` from the moments of parts of `rows` patches, as `part_moments` returns them."""
    heads, frames, parts, dim = mean.shape
    scores = torch.empty(heads, dtype=torch.float32, device=mean.device)
    block_s = min(triton.next_power_of_2(parts), MERGED_PARTS)
    _variance_ratio[(heads,)](
        mean,
        scatter,
        scores,
        frames,
        patches,
        parts,
        rows,
        FISHER=score == "fisher",
        DIM=dim,
        BLOCK_D=block(dim),
        BLOCK_S=block_s,
        BLOCK_F=max(1, MERGED_PARTS // block_s),
        num_warps=8,
    )
    return scores


def merge_parts(mean: torch.Tensor, patches: int, rows: int) -> torch.Tensor:
    """Compute the mean of every frame from those of its parts of `rows` patches: fp32 `[heads, frames, head dim]`."""
    parts = mean.shape[2]
    count = torch.full((parts, 1), rows, dtype=torch.float32, device=mean.device)
    count[-1] = patches - (parts - 1) * rows
    return (count * mean).sum(2) / patches


def frame_spread(features: torch.Tensor, frame_mean: torch.Tensor) -> torch.Tensor:
    """Compute the mean distance of the tokens of a frame to the mean from `merge_parts`: fp32 `[heads, frames]`."""
    heads, tokens, dim = features.shape
    frames = frame_mean.shape[1]
    patches = tokens // frames
    parts = triton.cdiv(patches, PART_ROWS)
    distance = torch.empty(heads, frames, parts, dtype=torch.float32, device=features.device)
    _part_distance[(heads, parts, frames)](
        features,
        frame_mean,
        distance,
        frames,
        patches,
        *features.stride(),
        DIM=dim,
        BLOCK_D=block(dim),
        BLOCK_P=block(triton.cdiv(patches, parts)),
    )
    return distance.sum(2) / patches


@triton.jit
def _load_part(
    features,
    patches,
    feature_head,
    feature_token,
    feature_dim,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_P: tl.constexpr,
):
    """Load a part of a frame in fp32, relative to the first token of the head, with the mask and number of its rows.

    Relative to a token, features with a large mean lose no digits. Adjacent programs read adjacent heads of the same
    tokens, and these are adjacent in the memory layout of the models.
    """
    head, part, frame = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    rows = tl.cdiv(patches, tl.num_programs(1))
    count = tl.minimum(rows, patches - part * rows)
    features += head * feature_head
    d = tl.arange(0, BLOCK_D)
    origin = tl.load(features + d * feature_dim, mask=d < DIM, other=0.0).to(tl.float32)
    features += (frame.to(tl.int64) * patches + part * rows) * feature_token
    row = tl.arange(0, BLOCK_P)
    x = load_rows(features, row, row < count, feature_token, feature_dim, DIM, BLOCK_D).to(tl.float32)
    return x - origin[None, :], row < count, count


@triton.jit
def moments(x, valid, count):
    """Compute the mean `m` of the `count` valid rows of a tile, and `Σ ‖x - m‖²`."""
    mean = tl.sum(tl.where(valid[:, None], x, 0.0), axis=0) / count
    deviation = tl.where(valid[:, None], x - mean[None, :], 0.0)
    return mean, tl.sum(deviation * deviation)


@tuned([triton.Config({}, num_warps=4), triton.Config({}, num_warps=8)], key=["frames", "patches", "BLOCK_D"])
@triton.jit(do_not_specialize_on_alignment=["not_finite"])
def _part_moments(
    features,
    mean_out,
    scatter_out,
    not_finite,
    frames,
    patches,
    feature_head,
    feature_token,
    feature_dim,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_P: tl.constexpr,
):
    """Store the mean `m` and `Σ ‖x - m‖²` of a part of a frame, which is read once and stays in registers."""
    x, valid, count = _load_part(features, patches, feature_head, feature_token, feature_dim, DIM, BLOCK_D, BLOCK_P)
    mean, scatter = moments(x, valid, count)
    head, part, frame = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    position = (head * frames + frame) * tl.num_programs(1) + part
    d = tl.arange(0, BLOCK_D)
    tl.store(mean_out + position * DIM + d, mean, mask=d < DIM)
    tl.store(scatter_out + position, scatter)
    note_not_finite(not_finite, mean)


@tuned([triton.Config({}, num_warps=4), triton.Config({}, num_warps=8)], key=["frames", "patches", "BLOCK_D"])
@triton.jit
def _part_distance(
    features,
    frame_mean,
    distance_out,
    frames,
    patches,
    feature_head,
    feature_token,
    feature_dim,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_P: tl.constexpr,
):
    """Store `Σ ‖x - m‖` of a part of a frame. `m` is the mean of the frame."""
    x, valid, _ = _load_part(features, patches, feature_head, feature_token, feature_dim, DIM, BLOCK_D, BLOCK_P)
    head, part, frame = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    d = tl.arange(0, BLOCK_D)
    mean = tl.load(frame_mean + (head * frames + frame) * DIM + d, mask=d < DIM, other=0.0)
    deviation = x - mean[None, :]
    distance = tl.where(valid, tl.sqrt(tl.sum(deviation * deviation, axis=1)), 0.0)
    position = (head * frames + frame) * tl.num_programs(1) + part
    tl.store(distance_out + position, tl.sum(distance, axis=0))


@triton.jit
def _variance_ratio(
    mean_in,
    scatter_in,
    scores,
    frames,
    patches,
    parts,
    rows,
    FISHER: tl.constexpr,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_S: tl.constexpr,
    BLOCK_F: tl.constexpr,
):
    """Store `tr(S_b) (N - F) / (tr(S_w) (F - 1))` of a head, from the moments of the parts of its frames.

    Moments are merged with the method of Chan: first the parts of each frame, for `tr(S_w)`, then the frames, for
    `tr(S_b)`. Each lane merges every `BLOCK_F`-th frame. The lanes are merged at the end.
    """
    head = tl.program_id(0).to(tl.int64)
    lane, d = tl.arange(0, BLOCK_F), tl.arange(0, BLOCK_D)
    within = tl.zeros([BLOCK_F, BLOCK_D], tl.float32)
    parts_within = tl.zeros([BLOCK_F, BLOCK_S], tl.float32)
    mean = tl.zeros([BLOCK_F, BLOCK_D], tl.float32)
    between = tl.zeros([BLOCK_F, BLOCK_D], tl.float32)
    for start in range(0, frames, BLOCK_F):
        frame = start + lane
        frame_mean = tl.zeros([BLOCK_F, BLOCK_D], tl.float32)
        for first in range(0, parts, BLOCK_S):
            part = first + tl.arange(0, BLOCK_S)
            count = tl.maximum(tl.minimum(rows, patches - part * rows), 0)[None, :, None]
            valid = (frame < frames)[:, None] & (part < parts)[None, :]
            position = (head * frames + frame)[:, None] * parts + part[None, :]
            parts_within += tl.load(scatter_in + position, mask=valid, other=0.0)
            at = mean_in + position[:, :, None] * DIM + d[None, None, :]
            part_mean = tl.load(at, mask=valid[:, :, None] & (d < DIM)[None, None, :], other=0.0)
            seen = first * rows
            added = tl.minimum(BLOCK_S * rows, patches - seen)
            merged = tl.sum(count * part_mean, axis=1) / added
            deviation = tl.where(valid[:, :, None], part_mean - merged[:, None, :], 0.0)
            shift = merged - frame_mean
            share = added / (seen + added)
            within += tl.sum(count * deviation * deviation, axis=1) + shift * shift * (seen * share)
            frame_mean += shift * share
        deviation = tl.where((frame < frames)[:, None], frame_mean - mean, 0.0)
        mean += deviation * (1.0 / (start // BLOCK_F + 1))
        between += deviation * (frame_mean - mean)

    seen = tl.maximum((frames - lane + BLOCK_F - 1) // BLOCK_F, 0).to(tl.float32)[:, None]
    deviation = mean - (tl.sum(seen * mean, axis=0) / frames)[None, :]
    between += seen * deviation * deviation
    scatter_between = patches * tl.sum(between)
    scatter_within = tl.sum(within) + tl.sum(parts_within)
    ratio = scatter_between / tl.where(scatter_within == 0.0, 1.0, scatter_within)
    chi = tl.where(scatter_within == 0.0, 1.0, ratio * (frames * (patches - 1)) / (frames - 1))
    if FISHER:
        tl.store(scores + head, chi * (frames - 1) / (frames * (patches - 1)))
    else:
        tl.store(scores + head, chi)

"""The clustering scores of scikit-learn, with the frame index as label, as their equations."""

from collections.abc import Iterator

import torch

from imap_kernels.finite import note_not_finite
from imap_kernels.frame_separation.silhouette import silhouette
from imap_kernels.heads import few_heads
from imap_kernels.precision import accumulation_dtype


def frame_separation(features: torch.Tensor, frames: int, score: str, not_finite: torch.Tensor | None) -> torch.Tensor:
    """Compute the score of each head. With one frame, or one patch in a frame, it is 0."""
    note_not_finite(not_finite, features)
    heads, tokens, _ = features.shape
    if frames in (1, tokens):
        return torch.zeros(heads, dtype=torch.float32, device=features.device)
    measure = {"chi": chi, "fisher": fisher, "dbi": dbi, "silhouette": silhouettes}[score]
    return torch.cat([measure(x) for x in centred(features, frames)]).float()


def centred(features: torch.Tensor, frames: int) -> Iterator[torch.Tensor]:
    """Yield a few heads at a time, minus the mean of each head, `[heads, frames, patches, head dim]`.

    The features of real models have a large mean, which would cost digits. All parts share one buffer.
    """
    parts = few_heads(features, like=features)
    memory = torch.empty(parts[0].shape, dtype=accumulation_dtype(features.dtype), device=features.device)
    for heads in parts:
        x = memory[: len(heads)].copy_(heads)
        yield x.sub_(x.mean(1, keepdim=True)).unflatten(1, (frames, -1))


def chi(x: torch.Tensor) -> torch.Tensor:
    """Compute Calinski–Harabasz: `tr(S_b) / (F - 1)` over `tr(S_w) / (N - F)`; 1 without scatter within frames."""
    _, frames, patches, _ = x.shape
    frame_mean = x.mean(2, keepdim=True)
    between = patches * (frame_mean - frame_mean.mean(1, keepdim=True)).square().sum((1, 2, 3))
    within = torch.linalg.vector_norm(x - frame_mean, dim=(1, 2, 3)).square()
    ratio = between * (frames * patches - frames) / (within * (frames - 1))
    return torch.where(within == 0, 1.0, ratio)


def fisher(x: torch.Tensor) -> torch.Tensor:
    """Compute `tr(S_b) / tr(S_w) = chi · (F - 1) / (N - F)`, which orders heads like `chi`."""
    _, frames, patches, _ = x.shape
    return chi(x) * (frames - 1) / (frames * patches - frames)


def dbi(x: torch.Tensor) -> torch.Tensor:
    """Compute Davies–Bouldin from the mean of each frame and the mean distance of its tokens to it."""
    frame_mean = x.mean(2)
    return davies_bouldin(frame_mean, spread=(x - frame_mean[:, :, None]).norm(dim=-1).mean(2))


def silhouettes(x: torch.Tensor) -> torch.Tensor:
    """Compute the silhouette score of each head."""
    return torch.stack([silhouette(head) for head in x])


def davies_bouldin(frame_mean: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """Compute the mean over frames of `max_j (r_i + r_j) / |m_i - m_j|`; 0 if all spreads, or all distances, are zero.

    Args:
        frame_mean: `m`, `[..., frames, head dim]`.
        spread: `r`, the mean distance of the tokens of a frame to `m`, `[..., frames]`.
    """
    distance = torch.cdist(frame_mean, frame_mean, compute_mode="donot_use_mm_for_euclid_dist")
    similarity = (spread[..., :, None] + spread[..., None, :]) / torch.where(distance == 0, torch.inf, distance)
    is_zero = (spread <= 1e-8).all(-1) | (distance <= 1e-8).flatten(-2).all(-1)
    return torch.where(is_zero, 0.0, similarity.amax(-1).mean(-1))

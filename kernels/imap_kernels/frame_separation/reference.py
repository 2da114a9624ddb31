"""How well the features of a head separate the frames: scikit-learn's clustering scores, the frame index as label."""

import torch

from imap_kernels.frame_separation.silhouette import silhouette


def frame_separation(features: torch.Tensor, frames: int, score: str) -> torch.Tensor:
    """One score per head, head by head. Centered first: the mean of real features is not small against their spread."""
    measure = {"chi": chi, "fisher": fisher, "dbi": dbi, "silhouette": silhouette}[score]
    heads = (head.float() for head in features)
    return torch.stack([measure((x - x.mean(0)).unflatten(0, (frames, -1))) for x in heads])


def scatter(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`tr(S_b)` and `tr(S_w)` of the tokens `x [frames, patches, head dim]` of one head."""
    frame_mean = x.mean(1, keepdim=True)
    between = x.shape[1] * (frame_mean - x.mean((0, 1))).square().sum()
    within = (x - frame_mean).square().sum()
    return between, within


def chi(x: torch.Tensor) -> torch.Tensor:
    """Calinski–Harabasz: `tr(S_b) / (F - 1)` over `tr(S_w) / (N - F)`; 1 where nothing scatters within a frame."""
    frames, patches, _ = x.shape
    between, within = scatter(x)
    ratio = between * (frames * patches - frames) / (within * (frames - 1))
    return torch.where(within == 0, 1.0, ratio)


def fisher(x: torch.Tensor) -> torch.Tensor:
    """`tr(S_b) / tr(S_w)`, which is `chi · (F - 1) / (N - F)` and so orders heads alike."""
    frames, patches, _ = x.shape
    return chi(x) * (frames - 1) / (frames * patches - frames)


def dbi(x: torch.Tensor) -> torch.Tensor:
    """Davies–Bouldin: from each frame's mean and the mean distance of its tokens to it."""
    frame_mean = x.mean(1)
    return davies_bouldin(frame_mean, spread=(x - frame_mean[:, None]).norm(dim=-1).mean(1))


def davies_bouldin(frame_mean: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """The mean over frames of `max_j (s_i + s_j) / |m_i - m_j|`; 0 where all spreads, or all distances, vanish.

    Args:
        frame_mean: `m`, fp32 `[..., frames, head dim]`.
        spread: `s`, fp32 `[..., frames]`.
    """
    distance = torch.cdist(frame_mean, frame_mean, compute_mode="donot_use_mm_for_euclid_dist")
    similarity = (spread[..., :, None] + spread[..., None, :]) / torch.where(distance == 0, torch.inf, distance)
    vanishes = (spread <= 1e-8).all(-1) | (distance <= 1e-8).flatten(-2).all(-1)
    return torch.where(vanishes, 0.0, similarity.amax(-1).mean(-1))

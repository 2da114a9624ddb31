"""Latent grid → the video's frames and pixels."""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor


def latent_frame_times(num_latent_frames: int, num_frames: int, temporal_compression: int, patch_size_t: int) -> Tensor:
    """When each latent frame of a map happens: the mean of the video frames that it covers.

    A causal VAE with temporal compression r encodes video frame 0 as latent 0 and the frames r(i−1)+1 … ri as latent i.
    A transformer with temporal patches of p takes p latents as one token frame. Where the latents do not fill the
    patches, the pipeline puts padding in front, which is cut off the video (CogVideoX 1.5).

    Args:
        num_latent_frames: the map's token frames, F.
        num_frames: the video's frames.
        temporal_compression: r.
        patch_size_t: p.

    Returns:
        fp64 `[F]`, in video frames.

    Raises:
        ValueError: a video of `num_frames` does not have F token frames.
    """
    if num_frames < 1:
        raise ValueError(f"num_frames must be at least 1, not {num_frames}")
    r, p = temporal_compression, patch_size_t
    latents = (num_frames - 1) // r + 1
    padding = num_latent_frames * p - latents
    if not 0 <= padding < p:
        raise ValueError(
            f"{num_frames} video frames give {latents} latent frames, but the maps cover {num_latent_frames * p}; "
            "give the video that was read"
        )
    first = torch.arange(num_latent_frames, dtype=torch.float64) * p - padding
    last = first + p - 1
    # Latent i ≥ 1 begins at video frame r(i−1)+1; latent 0 is video frame 0 alone, with nothing before it.
    begin = (r * (first - 1) + 1).clamp(min=0)
    return (begin + r * last) / 2


def longest_video(num_latent_frames: int, *, temporal_compression: int, patch_size_t: int) -> int:
    """The most video frames that F token frames can stand for; see `latent_frame_times`."""
    return temporal_compression * (num_latent_frames * patch_size_t - 1) + 1


def upsample_time(values: Tensor, num_frames: int, *, temporal_compression: int, patch_size_t: int) -> Tensor:
    """Values at every video frame: linear between the latent frames' times, constant beyond the first and the last.

    Args:
        values: `[..., F, H, W]`.
        num_frames: the video's frames, T.
        temporal_compression: of the VAE.
        patch_size_t: latent frames in a token of the transformer.

    Returns:
        fp32 `[..., T, H, W]`.

    Raises:
        ValueError: a video of `num_frames` does not have F token frames.
    """
    before, after, weight = neighbours(values.shape[-3], num_frames, temporal_compression, patch_size_t)
    return between(values, before, after, weight)


def neighbours(
    num_latent_frames: int, num_frames: int, temporal_compression: int, patch_size_t: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The latent frames before and after each video frame, int64 `[T]`, and the later one's weight, fp32 `[T]`.

    Arguments and errors are those of `latent_frame_times`.
    """
    times = latent_frame_times(num_latent_frames, num_frames, temporal_compression, patch_size_t)
    frame = torch.arange(num_frames, dtype=torch.float64)
    after = torch.searchsorted(times, frame).clamp(max=len(times) - 1)
    before = (after - 1).clamp(min=0)
    gap = (times[after] - times[before]).clamp(min=1)
    return before, after, ((frame - times[before]) / gap).clamp(0, 1).float()


def between(values: Tensor, before: Tensor, after: Tensor, weight: Tensor) -> Tensor:
    """Values `[..., F, H, W]` at the video frames that have these `neighbours`: fp32 `[..., T, H, W]`."""
    return torch.lerp(values[..., before, :, :], values[..., after, :, :], weight[:, None, None])


def upsample_space(values: Tensor, height: int, width: int) -> Tensor:
    """Bilinear, corners not aligned: `[..., T, H, W]` → `[..., T, height, width]`."""
    images = rearrange(values, "... h w -> (...) 1 h w")
    larger = F.interpolate(images, (height, width), mode="bilinear", align_corners=False)
    return larger.view(*values.shape[:-2], height, width)

"""Interpolation of maps, in time between latent frames and in space between patches."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor


class Neighbours(NamedTuple):
    """The latent frames on both sides of each video frame.

    Attributes:
        before: int64 `[T]`, the latent frame at or before each video frame.
        after: int64 `[T]`, the latent frame at or after it.
        weight: fp32 `[T]` in [0, 1], the weight of `after`.
    """

    before: Tensor
    after: Tensor
    weight: Tensor

    def select(self, frames: Sequence[int]) -> "Neighbours":
        """The neighbours of some video frames, by their numbers."""
        return Neighbours(self.before[frames], self.after[frames], self.weight[frames])


def neighbours(times: Tensor, num_frames: int, cuts: Sequence[int] = ()) -> Neighbours:
    """The neighbours of each video frame among the latent frames of its shot, at `times`.

    Before the first latent frame of a shot and after its last one, both neighbours have its value.

    Args:
        times: `LatentTime.frame_times`, fp64 `[F]`.
        num_frames: T, the frames of the video.
        cuts: `LatentTime.cuts`, the frames at which a shot begins.
    """
    return neighbours_at(torch.arange(num_frames, dtype=torch.float64), times, cuts)


def neighbours_at(frame: Tensor, times: Tensor, cuts: Sequence[int] = ()) -> Neighbours:
    """The same at some times in video frames, fp64 `[T]`, which may be between two frames."""
    shot = torch.searchsorted(torch.tensor(cuts, dtype=torch.float64), frame, right=True)
    edges = torch.searchsorted(times, torch.tensor([0, *cuts, times[-1] + 1], dtype=torch.float64))
    first, last = edges[shot], edges[shot + 1] - 1
    after = torch.minimum(torch.searchsorted(times, frame), last)
    before = torch.maximum(after - 1, first)
    after = torch.maximum(after, first)
    gap = (times[after] - times[before]).clamp(min=1)
    return Neighbours(before, after, ((frame - times[before]) / gap).clamp(0, 1).float())


def upsample_time(values: Tensor, times: Tensor, num_frames: int, cuts: Sequence[int] = ()) -> Tensor:
    """Values at every video frame: linear between the latent frames of a shot, constant before its first and after
    its last one.

    Args:
        values: `[..., F, H, W]`.
        times: `LatentTime.frame_times`, fp64 `[F]`.
        num_frames: T, the frames of the video.
        cuts: `LatentTime.cuts`, the frames at which a shot begins.

    Returns:
        fp32 `[..., T, H, W]`.
    """
    return between(values, neighbours(times, num_frames, cuts))


def between(values: Tensor, frames: Neighbours) -> Tensor:
    """Values `[..., F, H, W]` at the video frames with these neighbours: fp32 `[..., T, H, W]`."""
    before, after = values[..., frames.before, :, :], values[..., frames.after, :, :]
    return torch.lerp(before, after, frames.weight[:, None, None])


def upsample_space(values: Tensor, height: int, width: int) -> Tensor:
    """Bilinear interpolation without aligned corners: `[..., T, H, W]` → `[..., T, height, width]`."""
    images = rearrange(values, "... h w -> (...) 1 h w")
    larger = F.interpolate(images, (height, width), mode="bilinear", align_corners=False)
    return larger.view(*values.shape[:-2], height, width)

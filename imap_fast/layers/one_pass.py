"""How all layers are compared: a window of each video passes the model once, and half of the layers is chosen."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from imap_fast.explaining.windows import Windows
from imap_fast.models.real_video.noise import Noise
from imap_fast.video import Clip, VideoFile
from imap_fast.video.rate import at_rate, passed_rate

if TYPE_CHECKING:
    from imap_fast.models.adapter import Adapter
    from imap_fast.models.real_video.base import VideoForward


def step_to_read(forward: VideoForward, step: int | None) -> int:
    """The step that is given, or the default one.

    Raises:
        ValueError: it is outside of the schedule.
    """
    if step is None:
        return forward.default_step
    if step not in range(forward.num_inference_steps):
        last = forward.num_inference_steps - 1
        raise ValueError(f"step {step} is outside the schedule of {last + 1} steps; give 0 to {last}")
    return step


def first_window(video: Any, adapter: Adapter, forward: VideoForward) -> tuple[np.ndarray, list[int], tuple[int, int]]:
    """The first window of a video at the rate of the model: uint8 `[T, height, width, 3]`, the numbers of its frames,
    and the size of the video.
    """
    video = VideoFile(video) if isinstance(video, (str, os.PathLike)) else Clip.of(video)
    windows = Windows(forward.num_frames, None, forward.temporal_compression, adapter.patch_size[0])
    pictures = enumerate(at_rate(video.pictures(), passed_rate("model", video.fps, forward.fps)))
    # Only what the model sees is kept of each picture, which may be large.
    read = (
        (number, picture.size, picture.resized(forward.height, forward.width))
        for number, ((picture, _), passes) in pictures
        if passes
    )
    _, passed = next(windows.split(read))
    numbers, sizes, frames = zip(*passed, strict=True)
    if any(size != sizes[0] for size in sizes):
        raise ValueError(f"{video.name} changes its size in its first {len(frames)} frames; give a video of one size")
    return np.stack(frames), list(numbers), sizes[0]


def pass_once(
    adapter: Adapter, forward: VideoForward, step: int, frames: np.ndarray, prompt: str, noise: Noise
) -> None:
    """Pass the frames of a window, noised to a step, through all layers."""
    forward.encode_text(prompt, frames[0])
    window = forward.with_noise(forward.encode(frames), 0, noise)
    with adapter.stopped_after(adapter.num_layers - 1):
        forward.forward(step, window)


def by_layer(values: Mapping[int, Tensor]) -> Tensor:
    """Values of layers, stacked in the order of the layers."""
    return torch.stack([values[layer] for layer in sorted(values)])


def best_half(merit: Tensor) -> tuple[int, ...]:
    """The half of the layers with the largest merit, `[L]`, ascending. The earlier one of equals wins."""
    best = merit.argsort(descending=True, stable=True)[: (len(merit) + 1) // 2]
    return tuple(sorted(best.tolist()))

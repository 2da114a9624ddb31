"""`explain`: saliency maps of a real video, from one forward of the model for each step asked for."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imap_fast.maps import SaliencyMaps
from imap_fast.models import adapter_for
from imap_fast.settings import indices
from imap_fast.trace import trace
from imap_fast.video import Clip, read_clip, resize_and_crop


@torch.no_grad()
def explain(
    pipe: object,
    video: str | os.PathLike | Clip | Any,
    prompt: str,
    concepts: Sequence[str] | Tensor | None,
    *,
    steps: Iterable[int] | None = None,
    num_inference_steps: int | None = None,
    height: int | None = None,
    width: int | None = None,
    num_frames: int | None = None,
    generator: torch.Generator | None = None,
    **trace_arguments: Any,
) -> SaliencyMaps:
    """Shows where and when each concept is in a real video (METHOD.md, "Published settings").

    The video is encoded by the VAE, noised to a step of the schedule, and passed through the transformer once, without
    guidance and only as far as the last layer read. Several steps are averaged. Tiling and slicing of the VAE are the
    pipeline's own (`pipe.vae.enable_tiling()`).

    Args:
        pipe: a supported diffusers pipeline. An image-to-video one is conditioned on the video's first frame.
        video: a file, a `Clip`, or frames as pipelines return them.
        prompt: what the video shows.
        concepts: as in `imap_fast.trace`.
        steps: indices into the schedule, from 0. None: the published noise level, such as step 30 of 50 for CogVideoX.
        num_inference_steps: length of the schedule. None: the published one, 30 for HunyuanVideo and 50 for the others.
        height: in pixels; the video is scaled to cover it and cut. None: the model's own size, as for `width`.
        width: in pixels.
        num_frames: how many frames to read from the start. None: the model's clip length. A shorter video is read as
            far as whole latent frames go.
        generator: of the noise, as in diffusers. None: seeded with 0, so that a video always gives the same maps.
        trace_arguments: any other argument of `imap_fast.trace`.

    Returns:
        The maps. `settings["video"]` holds `fps`, `num_frames`, `height` and `width` of the clip that was read.

    Raises:
        TypeError: a target that is no supported pipeline, or concepts or frames of the wrong kind.
        ValueError: a video that cannot be read, a size or step that the model does not have, or as in `trace`.
    """
    adapter = adapter_for(pipe)
    explained = adapter.video_forward(num_inference_steps, height, width)
    steps = indices("steps", [explained.published_step] if steps is None else steps)
    scheduled = explained.num_inference_steps
    if steps[-1] >= scheduled:
        raise ValueError(f"step {steps[-1]} is outside the schedule of {scheduled} steps, 0 to {scheduled - 1}")
    clip = read_window(video, explained, num_frames)
    with trace(pipe, concepts, guided=False, **trace_arguments) as tracer:
        explained.encode(prompt, clip.frames, generator or torch.Generator().manual_seed(0))
        with adapter.stopped_after(tracer.settings.layers[-1]):
            for step in steps:
                explained.forward(step)
    pipe.maybe_free_model_hooks()
    maps = tracer.maps
    told = {"fps": clip.fps, **dict(zip(("num_frames", "height", "width"), clip.frames.shape[:3], strict=True))}
    return replace(maps, steps=steps, settings={**maps.settings, "num_inference_steps": scheduled, "video": told})


def read_window(video: str | os.PathLike | Clip | Any, explained, num_frames: int | None) -> Clip:
    """The first window of a video: as many frames as make whole latent frames, at the model's size."""
    wanted = explained.num_frames if num_frames is None else num_frames
    if wanted < 1:
        raise ValueError(f"num_frames={wanted} is not possible; read at least 1 frame")
    if isinstance(video, (str, os.PathLike)):
        name, clip = Path(video).name, read_clip(video, num_frames=wanted + 1)
    else:
        name, clip = "the video", Clip.of(video)
    if num_frames is None and len(clip.frames) > wanted:
        warnings.warn(f"{name} is longer than the {wanted} frames that are read of it, from its start", stacklevel=3)
    available = min(wanted, len(clip.frames))
    whole = available - (available - 1) % explained.temporal_compression
    return Clip(resize_and_crop(clip.frames[:whole], explained.height, explained.width), clip.fps)

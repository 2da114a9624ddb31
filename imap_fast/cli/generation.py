"""A new video of a pipeline, with the maps of its generation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from imap_fast.cli.results import FILES

if TYPE_CHECKING:
    import numpy as np

    from imap_fast.maps.saliency_maps import SaliencyMaps

GENERATED = {"video.mp4": "the video", **FILES}
"""The files of a generation."""


def generate_video(
    pipe: Any,
    prompt: str,
    concepts: Sequence[str] | None,
    *,
    seed: int,
    sampling: dict[str, Any],
    after: Callable[[], None] = lambda: None,
    **trace_arguments: Any,
) -> tuple[np.ndarray, float, SaliencyMaps]:
    """The frames of a new video, their rate, and its maps.

    Args:
        pipe: a text-to-video pipeline.
        prompt: what the video shows.
        concepts: as in `imap_fast.trace`.
        seed: of the noise.
        sampling: arguments of the pipeline. Those that are None are left to it.
        after: called after each step.
        trace_arguments: other ones of `imap_fast.trace`.
    """
    import torch

    from imap_fast.loading.pipeline import text_to_video_arguments
    from imap_fast.tracing.pipeline_calls import observed_calls
    from imap_fast.tracing.trace import trace

    def step_ended(pipe: Any, step: int, timestep: Any, tensors: dict) -> dict:
        after()
        return tensors

    call = text_to_video_arguments(pipe) | {name: value for name, value in sampling.items() if value is not None}
    call |= {"generator": torch.Generator().manual_seed(seed), "output_type": "np"}
    guider = getattr(pipe, "guider", None)
    if guider is not None and "guidance_scale" in call:
        pipe.guider = guider.new(guidance_scale=call.pop("guidance_scale"))
    with ExitStack() as exits:
        if "callback_on_step_end" in inspect.signature(pipe.__call__).parameters:
            call["callback_on_step_end"] = step_ended
        else:  # HunyuanVideo 1.5
            exits.enter_context(observed_calls(pipe.scheduler, "step", lambda _: after()))
        tracer = exits.enter_context(trace(pipe, concepts, **trace_arguments))
        (video,) = pipe(prompt=prompt, **call).frames
    return video, tracer.adapter.frame_rate, tracer.maps


def guidance_scale_of(pipe: Any) -> float:
    """The guidance scale of the last run. In HunyuanVideo 1.5 it is that of a part of the pipeline."""
    return getattr(pipe, "guider", pipe).guidance_scale


def check_size(pipe: Any, **sizes: int | None) -> None:
    """Raise ValueError for a height or width that is no whole number of patches: a layer would fail without it."""
    from imap_fast.models.registry import adapter_for
    from imap_fast.models.vae_compression import spatial_compression

    for (name, size), patch in zip(sizes.items(), adapter_for(pipe).patch_size[1:], strict=True):
        pixels = spatial_compression(pipe) * patch
        if size is not None and size % pixels:
            raise ValueError(f"--{name} {size} is no multiple of {pixels}, which this model needs; give one")

"""One job: a clip or a prompt goes in, the report and the maps come out."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from imap_fast.app.models import Model
from imap_fast.explaining.explain import explain
from imap_fast.loading.pipeline import text_to_video_arguments
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.tracing.trace import trace
from imap_fast.video import Clip

SEED = 0

LOADED, READ = 0.1, 0.9
"""How much of a job is done, about, once the model is loaded, and once the maps are made."""

Tell = Callable[[str, float], None]
"""Hears what is being done, and how much of the job was done before, from 0 to 1."""


def do_job(model: Model, video: Path | None, prompt: str, concepts: Sequence[str], folder: Path, tell: Tell) -> None:
    """Explain a clip, or generate one, and write report.html and maps.npz.

    Args:
        model: that reads or makes the clip.
        video: a video file. None: one is generated from the prompt.
        prompt: what the video shows.
        concepts: what to look for.
        folder: where to.
        tell: is told of the progress.

    Raises:
        ValueError, TypeError: as in `imap_fast.explain` and `imap_fast.trace`, or a pipeline that needs more than text.
    """
    began = time.perf_counter()
    if video is None:
        maps, clip = _generate(model, prompt, concepts, tell)
    else:
        tell("Explaining", LOADED)
        maps = explain(model.pipe, video, prompt, concepts, steps=model.explained_steps, **model.trace_arguments)
        clip = video
    record = {
        "command": "app",
        "model": model.name,
        "video": None if video is None else video.name,
        "dtype": str(model.pipe.transformer.dtype).removeprefix("torch."),
        "seed": SEED,
        "seconds": round(time.perf_counter() - began, 2),
    }
    tell("Writing the report", READ)
    maps.save(folder / "maps.npz")
    maps.report(folder / "report.html", clip, record)


def _generate(model: Model, prompt: str, concepts: Sequence[str], tell: Tell) -> tuple[SaliencyMaps, Clip]:
    arguments = text_to_video_arguments(model.pipe)

    def step_ended(pipe: Any, step: int, timestep: Any, tensors: dict) -> dict:
        tell("Generating", LOADED + (READ - LOADED) * (step + 1) / pipe.num_timesteps)
        return tensors

    tell("Generating", LOADED)
    with trace(model.pipe, concepts, **model.trace_arguments) as tracer:
        (video,) = model.pipe(
            prompt=prompt,
            generator=torch.Generator().manual_seed(SEED),
            output_type="np",
            callback_on_step_end=step_ended,
            **arguments,
        ).frames
    return tracer.maps, Clip.of(video, fps=tracer.adapter.frame_rate)

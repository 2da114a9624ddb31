"""One job of the app: it explains or generates a clip, and writes the report and the maps."""

import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from imap_fast.app.models import Model
from imap_fast.explaining.explain import explain
from imap_fast.files import sha256_of, write_each
from imap_fast.loading.pipeline import text_to_video_arguments
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.tracing.trace import trace
from imap_fast.video import Clip

SEED = 0

LOADED, READ = 0.1, 0.9
"""The approximate progress of a job after loading the model, and after making the maps."""

OnProgress = Callable[[str, float], None]
"""Called with the current task, and with the progress of the job before it, from 0 to 1."""

OnMaps = Callable[[int, int, SaliencyMaps], None]
"""Called with a step, the number of steps, and the maps of the steps so far."""


def run_job(
    model: Model,
    video: Path | None,
    prompt: str,
    words: Mapping[str, Any],
    folder: Path,
    on_progress: OnProgress,
    on_maps: OnMaps,
) -> None:
    """Explain a clip, or generate one, and write maps.npz and report.html.

    If the report cannot be written, the maps are, and a warning says so.

    Args:
        model: reads or generates the clip.
        video: a video file. None: a video is generated from the prompt.
        prompt: what the video shows.
        words: `concepts` and `motions`, as arguments of `imap_fast.trace`.
        folder: receives the files.
        on_progress: called with the progress.
        on_maps: called with the maps after each step of a video that is generated.

    Raises:
        ValueError, TypeError: as in `imap_fast.explain` and `imap_fast.trace`, or a pipeline that needs more than text.
    """
    began = time.perf_counter()
    if video is None:
        maps, frames, fps = _generate(model, prompt, words, on_progress, on_maps)
    else:
        on_progress("Explaining", LOADED)
        fingerprint = sha256_of(video)
        maps = explain(model.pipe, video, prompt, steps=model.explained_steps, **words, **model.trace_arguments)
        if sha256_of(video) != fingerprint:
            raise ValueError(f"{video.name} was changed while it was read; upload it again")
    record = {
        "command": "app",
        "model": model.name,
        "video": None if video is None else video.name,
        "dtype": str(model.pipe.transformer.dtype).removeprefix("torch."),
        "seed": SEED,
        "seconds": round(time.perf_counter() - began, 2),
    }
    on_progress("Writing the report", READ)
    maps.save(folder / "maps.npz")

    def write_report(path: Path) -> None:
        maps.report(path, Clip.of(frames, fps) if video is None else video, record)

    for name, reason in write_each(folder, {"report.html": write_report}).items():
        warnings.warn(f"{name} was not written ({reason}); the maps are in maps.npz", stacklevel=2)


def _generate(
    model: Model, prompt: str, words: Mapping[str, Any], on_progress: OnProgress, on_maps: OnMaps
) -> tuple[SaliencyMaps, Any, float]:
    """The maps of a new video, its frames `[T, H, W, 3]` in [0, 1], and its frame rate."""
    arguments = text_to_video_arguments(model.pipe)

    def step_ended(pipe: Any, step: int, timestep: Any, tensors: dict) -> dict:
        on_progress("Generating", LOADED + (READ - LOADED) * (step + 1) / pipe.num_timesteps)
        return tensors

    def step_read(step: int, maps: SaliencyMaps) -> None:
        on_maps(step, model.pipe.num_timesteps, maps)

    on_progress("Generating", LOADED)
    with trace(model.pipe, **words, **model.trace_arguments, on_step=step_read) as tracer:
        (video,) = model.pipe(
            prompt=prompt,
            generator=torch.Generator().manual_seed(SEED),
            output_type="np",
            callback_on_step_end=step_ended,
            **arguments,
        ).frames
    return tracer.maps, video, tracer.adapter.frame_rate

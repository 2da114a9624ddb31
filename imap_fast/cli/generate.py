"""`imap-fast generate`: a new video, with the maps of its generation."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console

from imap_fast.cli import options
from imap_fast.cli.generation import GENERATED, check_size, generate_video, guidance_scale_of
from imap_fast.cli.inside import InsideOptions
from imap_fast.cli.option_groups import ConceptOptions, LoadingOptions, TraceOptions
from imap_fast.cli.pictures import pictures, write_results
from imap_fast.cli.progress import progress
from imap_fast.cli.results import (
    TRACK_FILES,
    end_incomplete,
    not_written_of,
    print_results,
    results_folder,
    sureness,
    warn_of_doubts,
)
from imap_fast.cli.watch import check_terminal, watched
from imap_fast.loading.source import model_source
from imap_fast.text.model_name import model_name

REMEDY = "draw it from maps.npz in Python, or pass --overwrite to generate again"


def generate(
    loading: LoadingOptions,
    prompt: options.Prompt,
    concepts: ConceptOptions,
    trace_options: TraceOptions,
    inside: InsideOptions,
    height: options.Height = None,
    width: options.Width = None,
    num_frames: options.NumFrames = None,
    num_inference_steps: options.NumInferenceSteps = None,
    guidance_scale: options.GuidanceScale = None,
    seed: options.Seed = 0,
    watch: options.Watch = False,
    output: options.Output = Path("imap-generate"),
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
) -> None:
    """Generate a video, and show where and when each concept is in it.

    Writes video.mp4, maps.npz, overlay.mp4, grid.png and run.json together.
    If the video or a picture cannot be written, everything else is, and the exit code is 1.
    """
    console = Console(stderr=True)
    if watch:
        check_terminal(console)
    arguments = trace_options.trace_arguments(loading.model) | concepts.trace_arguments()
    arguments |= concepts.words(trace_options.match, has_regions=inside.has_regions) | inside.trace_arguments()
    model_source(loading.model)
    sampling: dict[str, Any] = {
        "height": height,
        "width": width,
        "num_frames": num_frames,
        "num_inference_steps": num_inference_steps,
        "guidance_scale": guidance_scale,
    }
    files = GENERATED | (TRACK_FILES if inside.has_regions else {})
    with results_folder(output, list(files), overwrite=overwrite) as folder:
        from imap_fast.loading.pipeline import load_pipeline
        from imap_fast.video.clip import Clip

        pipe = load_pipeline(loading.model, dtype=loading.dtype, device=loading.device, console=console)
        check_size(pipe, height=height, width=width)
        began = time.perf_counter()
        with _shown(console, num_inference_steps, watch=watch) as callback:
            video, fps, maps = generate_video(pipe, prompt, seed=seed, sampling=sampling, **callback, **arguments)
        seconds = time.perf_counter() - began
        warn_of_doubts(maps)

        @cache
        def clip() -> Clip:
            return Clip.of(video, fps=fps)

        with progress(console, "drawing"):
            sampling |= {"num_inference_steps": pipe.num_timesteps, "guidance_scale": guidance_scale_of(pipe)}
            record = {
                "command": "generate",
                "model": model_name(loading.model),
                "dtype": str(pipe.transformer.dtype).removeprefix("torch."),
                **sampling,
                "seed": seed,
                "seconds": round(seconds, 2),
            }
            writers = {"video.mp4": lambda path: clip().save(path), **pictures(maps, clip, fps)}
            record = write_results(folder, maps, writers, record, files)
    headline = f"{len(video)} frames and {maps} in {seconds:.1f} s; {sureness(maps)}"
    print_results(record, headline, output, files, as_json=as_json)
    end_incomplete(not_written_of(output, record), REMEDY)


@contextmanager
def _shown(console: Console, total: int | None, *, watch: bool) -> Iterator[dict[str, Any]]:
    """Show the steps, or the maps after each of them, and yield the callback that `generate_video` needs for it."""
    if watch:
        with watched(console, total) as on_step:
            yield {"on_step": on_step}
    else:
        with progress(console, "generating", total) as advance:
            yield {"after": advance}

"""`imap-fast explain`: the maps of real videos."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imap_fast.cli import options
from imap_fast.cli.inside import InsideOptions
from imap_fast.cli.option_groups import ConceptOptions, ReadingOptions, SmallGpuOptions, TraceOptions, WindowOptions
from imap_fast.cli.video_files import result_folders
from imap_fast.loading.identity import model_identity, vae_identity
from imap_fast.loading.source import model_source
from imap_fast.version import versions

if TYPE_CHECKING:
    from imap_fast.cli.explain_run import Run


def explain(
    videos: Annotated[list[Path], typer.Argument(help="Video files, and folders of them.", show_default=False)],
    loading: SmallGpuOptions,
    prompt: options.Prompt,
    concepts: ConceptOptions,
    trace_options: TraceOptions,
    windows: WindowOptions,
    reading: ReadingOptions,
    inside: InsideOptions,
    output: options.Output = Path("imap-explain"),
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
) -> None:
    """Show where and when each concept is in real videos of any length.

    Writes maps.npz, overlay.mp4, grid.png and run.json, together.
    If a picture cannot be written, everything else is, and the exit code is 1.
    Several videos, and several stretches of a video, get a folder each.
    After an interruption the same command resumes. A finished run is not repeated.
    """
    run = explained(
        videos, loading, prompt, concepts, trace_options, windows, reading, inside, output=output, overwrite=overwrite
    )
    run.print(output, as_json=as_json)


def explained(
    videos: list[Path],
    loading: SmallGpuOptions,
    prompt: str,
    concepts: ConceptOptions,
    trace_options: TraceOptions,
    windows: WindowOptions,
    reading: ReadingOptions,
    inside: InsideOptions,
    *,
    output: Path,
    overwrite: bool,
) -> Run:
    """Explain videos, except those that are finished. Arguments and errors are those of the command."""
    text = {
        "prompt": prompt,
        **concepts.words(trace_options.match, reading.concepts_file, has_regions=inside.has_regions),
    }
    arguments = trace_options.trace_arguments(loading.model) | concepts.trace_arguments()
    arguments |= windows.explain_arguments(loading.model, arguments["steps"]) | inside.trace_arguments()
    model_source(loading.model)
    from imap_fast.cli.explain_run import Run

    identity = model_identity(loading.model) | vae_identity(reading.vae)
    values = {
        **arguments,
        **asdict(loading),
        **identity,
        **text,
        **inside.identity(),
        "num_frames": reading.num_frames,
        "stream": reading.stream,
        "seed": reading.seed,
        "versions": versions(),
    }
    inside.check_stretches(options.stretches(reading.start, reading.end))
    folders = result_folders(videos, output, options.stretches(reading.start, reading.end))
    run = Run(folders, json.loads(json.dumps(values)), overwrite=overwrite)
    run.check_videos()
    if run.remaining:
        run.explain(asdict(loading), reading.vae, text | arguments, identity)
    return run

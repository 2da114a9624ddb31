"""`imap-fast segment`: masks of concepts, in files that other tools take."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from imap_fast.cli import options
from imap_fast.cli.explain import explained
from imap_fast.cli.inside import InsideOptions
from imap_fast.cli.option_groups import (
    ConceptOptions,
    OptionalModelOptions,
    ReadingOptions,
    TraceOptions,
    WindowOptions,
)
from imap_fast.cli.segment_inputs import maps_files, runs_in
from imap_fast.loading.identity import sam2_identity
from imap_fast.loading.source import model_source
from imap_fast.masks.names import FORMATS, NONE, NUMBERED, REFINEMENTS, SAM2, SAM2_MODEL
from imap_fast.masks.threshold import OTSU_TWICE, check_threshold

EXPLAINED = "runs"
"""The folder in the output for the runs of videos."""


def _option(help: str, *flags: str, **settings: Any) -> Any:
    return typer.Option(*flags, rich_help_panel="Masks", help=help, **settings)


def segment(
    inputs: Annotated[
        list[Path], typer.Argument(help="Runs, files of maps, videos, and folders of runs or of videos.")
    ],
    loading: OptionalModelOptions,
    concepts: ConceptOptions,
    trace_options: TraceOptions,
    windows: WindowOptions,
    reading: ReadingOptions,
    format: Annotated[str, _option(f"What is written: {', '.join(FORMATS)}.", metavar="NAME")] = FORMATS[0],
    map: Annotated[str | None, _option("The map to segment. Default: the one that is shown.", metavar="NAME")] = None,
    threshold: Annotated[
        str, _option("otsu-twice, otsu, a percentile such as 90%, or a number from 0 to 1.", metavar="T")
    ] = OTSU_TWICE,
    exclusive: Annotated[
        bool, _option(f"Each pixel is in one mask at most. Always so in {', '.join(NUMBERED)}.", "--exclusive")
    ] = False,
    refine: Annotated[str, _option(f"Sharper masks: {', '.join(REFINEMENTS)}.", metavar="NAME")] = NONE,
    sam2: Annotated[
        str | None, _option("The SAM 2 of --refine sam2: a folder or a Hugging Face id.", metavar="MODEL")
    ] = None,
    video: Annotated[
        Path | None, _option("The video of a file of maps, or of a run whose video was moved.", metavar="FILE")
    ] = None,
    prompt: options.OptionalPrompt = None,
    output: options.Output = Path("imap-segment"),
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
) -> None:
    """Cut concepts out of videos: masks at their size, in the files that other tools take.

    Give runs of explain or generate. Videos are explained first, into the folder runs of the output, with --model,
    --prompt, --concepts and the other options of explain.
    All files appear together. After an interruption the same command resumes. A finished run is not repeated.
    """
    for option, value, known in (("--format", format, FORMATS), ("--refine", refine, REFINEMENTS)):
        if value not in known:
            raise typer.BadParameter(f"{option} {value!r} is unknown; choose one of {', '.join(known)}")
    if sam2 is not None and refine != SAM2:
        raise typer.BadParameter(f"--sam2 {sam2!r} is for --refine sam2; add that, or leave it out")
    if map is not None:
        options.map_names(map)
    settings: dict[str, Any] = {
        "format": format,
        "concepts": None if concepts.concepts is None else options.concept_words(concepts.concepts, "concepts"),
        "map": map,
        "threshold": check_threshold(threshold),
        "exclusive": exclusive or format in NUMBERED,
        "refine": refine,
    }
    if refine == SAM2:
        settings |= sam2_identity(sam2 or SAM2_MODEL)
    for path in inputs:
        if not path.exists():
            raise ValueError(f"{path}: no such file or folder; give a run, a file of maps, or a video")
    videos = [path for path in inputs if not runs_in(path)]
    runs = [run for path in inputs for run in runs_in(path)]
    given = _given(loading, concepts, trace_options, windows, reading) + (["--prompt"] if prompt is not None else [])
    if not videos and given:
        raise typer.BadParameter(
            f"{', '.join(given)}: only a video is explained, and {inputs[0]} is a run; leave it out"
        )
    if videos and runs and concepts.concepts is not None:
        raise typer.BadParameter(
            f"--concepts is what to look for in {videos[0]}, and what to cut out of {runs[0]}; segment them one by one"
        )
    if videos:
        if loading.model is None or prompt is None:
            raise typer.BadParameter(f"{videos[0]} is no run, so it is explained first; give --model and --prompt")
        if map is not None and map not in concepts.made_maps:
            raise typer.BadParameter(f"--map {map} is not made of videos; add it to --maps")
        if video is not None:
            raise typer.BadParameter(f"--video {video} is of a run; {videos[0]} is a video itself")
        model_source(loading.model)
        explaining = explained(
            videos, loading.of(loading.model), prompt, concepts, trace_options, windows, reading, InsideOptions(),
            output=output / EXPLAINED, overwrite=overwrite,
        )  # fmt: skip
        explaining.refuse_failed()
        runs += explaining.folders.values()
        settings["concepts"] = None
    from imap_fast.cli.segment_run import segment_runs

    files = maps_files(runs, video)
    model = sam2 or SAM2_MODEL
    segment_runs(files, settings, model, loading.device, output, overwrite=overwrite, as_json=as_json)


def _given(*groups: Any) -> list[str]:
    """The options of `explain` that a run has no use for, and that are not at their defaults.

    `--concepts` chooses among those of a run, and `--device` is that of SAM 2.
    """
    return [
        "--" + each.name.replace("_", "-")
        for group in groups
        for each in fields(group)
        if getattr(group, each.name) != each.default and each.name not in ("concepts", "device")
    ]

"""`imap-fast eval`: how well the maps find their concepts."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from imap_fast.cli import options, values
from imap_fast.cli.option_groups import SmallGpuOptions, TraceOptions, WindowOptions
from imap_fast.loading.source import model_source
from imap_fast.metrics.tracking import MODES


def eval(
    data: Annotated[
        str,
        typer.Argument(
            help="demo; a folder in the layout of DAVIS, YouTube-VOS, Ref-YouTube-VOS, Ref-DAVIS or MeViS; a folder of "
            "points; a list of VSPW, such as VSPW/val.txt; or a .json list of videos.",
            show_default=False,
        ),
    ],
    loading: SmallGpuOptions,
    trace_options: TraceOptions,
    windows: WindowOptions,
    captions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help='For a folder: {clip: {"caption": …, "concepts": {number: name}}}. Default: its own descriptions.',
        ),
    ] = None,
    concepts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For a folder: {expression, category or label: what to look for}. Default: the noun phrase that an "
            "expression begins with; categories and labels as they are.",
        ),
    ] = None,
    videos: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The videos of a list. Default: the folder of the list.")
    ] = None,
    generate: Annotated[
        bool,
        typer.Option(
            "--generate", help="Generate the videos of a list that names none from its captions, with their maps."
        ),
    ] = False,
    clips: Annotated[int | None, options.number(None, "The number of clips. Default: all; 200 of demo.")] = None,
    queries: Annotated[
        str | None,
        options.one_of(MODES, None, f"For points: the frames in which each is marked. Default: {MODES[0]}."),
    ] = None,
    worst: Annotated[int, options.number(None, "Clips with the lowest AUC to draw.", least=0)] = 6,
    seed: options.Seed = 0,
    vae: options.Vae = None,
    output: options.Output = Path("imap-eval"),
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
) -> None:
    """Measure how well the maps find their concepts, in space and in time, against masks, or follow points.

    Writes results.json and pictures of the worst clips. For clips without masks it writes what explain writes, into
    the folder videos, and the video if it was generated. If a picture cannot be written, everything else is, and the
    exit code is 1.
    After an interruption the same command resumes. A finished evaluation is not repeated.
    """
    if generate and (windows.noises > 1 or vae is not None):
        reason = "a video is generated from one noise, with the model's own VAE; omit --noises and --vae"
        raise typer.BadParameter(reason, param_hint="--generate")
    traced = trace_options.trace_arguments(loading.model)
    arguments = traced | windows.explain_arguments(loading.model, traced["steps"])
    model_source(loading.model)
    values.path(data)  # raises if it cannot be read
    from imap_fast.evaluate.datasets import open_dataset

    dataset = open_dataset(
        data, captions=captions, concepts=concepts, videos=videos, generate=generate, clips=clips, queries=queries
    )
    from imap_fast.cli.eval_run import Run

    run = Run(
        dataset,
        asdict(loading),
        vae,
        arguments | {"seed": seed},
        output,
        0 if dataset.of_points else worst,
        traced if generate else None,
    )
    run.print(run.evaluate(overwrite=overwrite), as_json=as_json)

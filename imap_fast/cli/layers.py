"""`imap-fast layers`: which layers of a checkpoint to read."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from imap_fast.cli import options
from imap_fast.cli.layers_table import choice_record, print_choice
from imap_fast.cli.option_groups import LoadingOptions
from imap_fast.cli.progress import progress
from imap_fast.cli.record import NOT_WRITTEN
from imap_fast.cli.results import end_incomplete, not_written_of
from imap_fast.demo.shipped_model import best_settings
from imap_fast.files import write_each
from imap_fast.loading.source import model_source
from imap_fast.maps.names import REGION_MAPS
from imap_fast.text.model_name import model_name

if TYPE_CHECKING:
    from imap_fast.layers.by_tracking import TrackingChoice

DEMO_CLIPS = 8

BY = ("eigenvalue", "auc", "tracking")
"""What layers are chosen by: how structured their attention is, how well they find concepts, or follow points."""

REMEDY = "the layers are above; the same command measures and draws again"


def layers(
    loading: LoadingOptions,
    videos: Annotated[
        list[Path] | None, typer.Argument(help="Video files; the demo model has its own clips.", show_default=False)
    ] = None,
    prompt: Annotated[str | None, typer.Option(metavar="TEXT", help="What the videos show.")] = None,
    by: Annotated[
        str | None,
        options.one_of(BY, None, "What the layers are chosen by. Default: auc of demo clips, eigenvalue of videos."),
    ] = None,
    points: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="For --by tracking, in place of videos: an .npz of points, which names its video. May be repeated.",
        ),
    ] = None,
    map: Annotated[
        str | None,
        options.one_of(REGION_MAPS, None, f"For --by tracking: whose tracks are measured. Default: {REGION_MAPS[0]}."),
    ] = None,
    clips: Annotated[int | None, options.number(None, f"The number of demo clips. Default: {DEMO_CLIPS}.")] = None,
    step: Annotated[
        int | None, options.number(None, "Denoising step, from 0. Default: the published one.", least=0)
    ] = None,
    height: options.Height = None,
    width: options.Width = None,
    num_inference_steps: options.NumInferenceSteps = None,
    seed: options.Seed = 0,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw a figure into this .png.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the figure.")] = False,
    memory: options.Memory = "auto",
    as_json: options.Json = False,
) -> None:
    """Find which layers of a new checkpoint to read: the half with the largest λ₂, whose attention is most structured.

    On the clips of the demo, whose masks are known: the half that finds its concepts best. With --by tracking: the half
    whose maps of regions follow points best. All are rules of thumb.
    """
    tracks = by == "tracking"
    for option, given in (("--points", points), ("--map", map)):
        if given and not tracks:
            raise typer.BadParameter("is for --by tracking; add it, or omit this", param_hint=option)
    if tracks and videos:
        raise typer.BadParameter("a file of points names its video; give --points instead", param_hint="VIDEOS")
    if tracks and output is not None:
        raise typer.BadParameter("draws λ₂ and AUC; omit it with --by tracking", param_hint="--output")
    if by == "auc" and videos:
        raise typer.BadParameter("only the clips of --model demo have masks; omit --by", param_hint="--by")
    if output is not None and output.suffix.lower() != ".png":
        raise typer.BadParameter(f"{output} does not end in .png; name it so", param_hint="--output")
    if output is not None and output.exists() and not overwrite:
        raise ValueError(f"{output} already exists; pass --overwrite or another --output")
    files = points if tracks else videos
    if files and clips is not None:
        raise typer.BadParameter("is the number of demo clips; omit it if you give videos", param_hint="--clips")
    if files and prompt is None:
        raise typer.BadParameter("say what the videos show", param_hint="--prompt")
    if not files and (loading.model != "demo" or prompt is not None):
        hint = "--points" if tracks else "VIDEOS"
        raise typer.BadParameter("name some, and their --prompt; only --model demo needs none", param_hint=hint)
    model_source(loading.model)
    from imap_fast.cli.layers_inputs import demo_videos, given_points, given_videos

    inputs: dict[str, Any] = {}
    if files:
        inputs = given_points(files, prompt) if tracks else given_videos(files, prompt)

    import torch

    from imap_fast.layers.by_tracking import choose_layers_by_tracking
    from imap_fast.layers.choose import LayerChoice, choose_layers
    from imap_fast.loading.pipeline import load_pipeline

    console = Console(stderr=True)
    pipe = load_pipeline(loading.model, dtype=loading.dtype, device=loading.device, console=console, memory=memory)
    if not files:
        inputs = demo_videos(clips or DEMO_CLIPS, by or "auc")
    count = len(inputs["videos"])
    if loading.model == "demo" and step is None:
        step = best_settings()["steps"][0]
    began = time.perf_counter()
    inputs |= {
        "step": step,
        "num_inference_steps": num_inference_steps,
        "height": height,
        "width": width,
        "generator": torch.Generator().manual_seed(seed),
    }
    choose: Callable[..., LayerChoice | TrackingChoice] = choose_layers
    if tracks:
        choose = partial(choose_layers_by_tracking, map=map or REGION_MAPS[0])
    with progress(console, "measuring every layer", count) as on_video_done:
        choice = choose(pipe, **inputs, on_video_done=on_video_done)
    seconds = time.perf_counter() - began
    not_written: dict[str, str] = {}
    if output is not None and isinstance(choice, LayerChoice):
        not_written = write_each(output.parent, {output.name: lambda path: choice.figure().savefig(path)})
    figure = None if not_written else output
    if as_json:
        facts = {"command": "layers", "model": model_name(loading.model), "videos": count, "seconds": round(seconds, 2)}
        drawn = {} if figure is None else {figure.name: str(figure)}
        typer.echo(json.dumps(facts | choice_record(choice) | {NOT_WRITTEN: not_written, "files": drawn}))
    else:
        several = "1 video" if count == 1 else f"{count} videos"
        typer.echo(f"{model_name(loading.model)} at step {choice.step}, mean over {several}, in {seconds:.1f} s")
        print_choice(choice)
        if figure is not None and isinstance(choice, LayerChoice):
            meaning = "λ₂ by layer and head" + (", and how well each finds its concepts" if choice.auc else "")
            typer.echo(f"{figure}  {meaning}")
    if output is not None:
        end_incomplete(not_written_of(output.parent, {NOT_WRITTEN: not_written}), REMEDY)

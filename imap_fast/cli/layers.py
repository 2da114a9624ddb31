"""`imap-fast layers`: which layers of a checkpoint to read."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from imap_fast.cli import options
from imap_fast.cli.option_groups import LoadingOptions
from imap_fast.cli.progress import progress
from imap_fast.cli.record import NOT_WRITTEN
from imap_fast.cli.results import end_incomplete, not_written_of
from imap_fast.demo.shipped_model import best_settings
from imap_fast.files import write_each
from imap_fast.loading.source import model_source
from imap_fast.text.model_name import model_name

if TYPE_CHECKING:
    from imap_fast.layers.choose import LayerChoice

DEMO_CLIPS = 8

REMEDY = "the layers are above; the same command measures and draws again"


def layers(
    loading: LoadingOptions,
    videos: Annotated[
        list[Path] | None, typer.Argument(help="Video files; the demo model has its own clips.", show_default=False)
    ] = None,
    prompt: Annotated[str | None, typer.Option(metavar="TEXT", help="What the videos show.")] = None,
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

    On the clips of the demo, whose masks are known: the half that finds its concepts best. Both are rules of thumb.
    """
    if output is not None and output.suffix.lower() != ".png":
        raise typer.BadParameter(f"{output} does not end in .png; name it so", param_hint="--output")
    if output is not None and output.exists() and not overwrite:
        raise ValueError(f"{output} already exists; pass --overwrite or another --output")
    if videos and clips is not None:
        raise typer.BadParameter("is the number of demo clips; omit it if you give videos", param_hint="--clips")
    if videos and prompt is None:
        raise typer.BadParameter("say what the videos show", param_hint="--prompt")
    if not videos and (loading.model != "demo" or prompt is not None):
        raise typer.BadParameter("name some, and their --prompt; only --model demo needs none", param_hint="VIDEOS")
    model_source(loading.model)
    from imap_fast.video.decode import VideoFile

    for video in videos or []:
        VideoFile(video)  # raises if it does not exist, or is no video

    import torch

    from imap_fast.layers.choose import choose_layers
    from imap_fast.loading.pipeline import load_pipeline

    console = Console(stderr=True)
    pipe = load_pipeline(loading.model, dtype=loading.dtype, device=loading.device, console=console, memory=memory)
    inputs: dict[str, Any]
    inputs = {"videos": videos, "prompts": [prompt] * len(videos)} if videos else _demo_clips(clips or DEMO_CLIPS)
    count = len(inputs["videos"])
    if loading.model == "demo" and step is None:
        step = best_settings()["steps"][0]
    began = time.perf_counter()
    with progress(console, "measuring every layer", count) as on_video_done:
        choice = choose_layers(
            pipe,
            **inputs,
            step=step,
            num_inference_steps=num_inference_steps,
            height=height,
            width=width,
            generator=torch.Generator().manual_seed(seed),
            on_video_done=on_video_done,
        )
    seconds = time.perf_counter() - began
    not_written: dict[str, str] = {}
    if output is not None:
        not_written = write_each(output.parent, {output.name: lambda path: choice.figure().savefig(path)})
    figure = None if not_written else output
    if as_json:
        facts = {"command": "layers", "model": model_name(loading.model), "videos": count, "seconds": round(seconds, 2)}
        files = {} if figure is None else {figure.name: str(figure)}
        typer.echo(json.dumps(facts | _record(choice) | {NOT_WRITTEN: not_written, "files": files}))
    else:
        typer.echo(f"{model_name(loading.model)} at step {choice.step}, mean over {count} videos, in {seconds:.1f} s")
        _print(choice)
        if figure is not None:
            meaning = "λ₂ by layer and head" + (", and how well each finds its concepts" if choice.auc else "")
            typer.echo(f"{figure}  {meaning}")
    if output is not None:
        end_incomplete(not_written_of(output.parent, {NOT_WRITTEN: not_written}), REMEDY)


def _demo_clips(count: int) -> dict[str, Any]:
    """The arguments of `choose_layers` for validation scenes of the demo world."""
    from imap_fast.demo import world
    from imap_fast.demo.score import BACKGROUND, concept_masks

    scenes = [world.sample(seed, "validation") for seed in range(count)]
    # The background has no mask: it is there for the contrast.
    masks = [concept_masks(scene) | {BACKGROUND: None} for scene in scenes]
    return {
        "videos": [scene.frames for scene in scenes],
        "prompts": [scene.caption for scene in scenes],
        "masks": masks,
    }


def _record(choice: LayerChoice) -> dict[str, Any]:
    """The choice as JSON values."""
    heads = {"lambda_2": choice.eigenvalues, "head_scores": choice.head_scores, "head_auc": choice.head_auc}
    return {
        "layers": choice.layers,
        "step": choice.step,
        "auc": {name: values.tolist() for name, values in choice.auc.items()},
        "correlation": choice.correlation,
        "heads": {name: values.tolist() for name, values in heads.items() if values is not None},
    }


def _print(choice: LayerChoice) -> None:
    table = Table()
    for heading in ("layer", "λ₂", *(f"AUC {name}" for name in choice.auc)):
        table.add_column(heading, justify="right")
    table.add_column("read", justify="center")
    for layer, eigenvalue in enumerate(choice.eigenvalues.mean(1)):
        auc = (f"{values[layer]:.2f}" for values in choice.auc.values())
        table.add_row(str(layer), f"{eigenvalue:.3f}", *auc, "✓" if layer in choice.layers else "")
    console = Console(highlight=False)
    console.print(table)
    if choice.correlation is not None and choice.head_auc is not None:
        console.print(f"separation score and AUC of {choice.head_auc.numel()} heads: r = {choice.correlation:.2f}")
    typer.echo(f"layers={list(choice.layers)}")

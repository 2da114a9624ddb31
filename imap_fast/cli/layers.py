"""`imap-fast layers`: which layers of a checkpoint to read."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table

from imap_fast.cli import options
from imap_fast.cli.progress import progress
from imap_fast.demo.shipped import chosen
from imap_fast.files import whole_file
from imap_fast.layers.choose import LayerChoice, choose_layers

DEMO_CLIPS = 8


def layers(
    model: options.Model,
    videos: Annotated[
        list[Path] | None, typer.Argument(help="Video files; the demo model has clips of its own.", show_default=False)
    ] = None,
    prompt: Annotated[str | None, typer.Option(metavar="TEXT", help="What the videos show.")] = None,
    clips: Annotated[
        int | None, typer.Option(metavar="N", min=1, help=f"Of the demo's own, with masks; else {DEMO_CLIPS}.")
    ] = None,
    step: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Denoising step, counted from 0; else the published one.")
    ] = None,
    height: options.Height = None,
    width: options.Width = None,
    num_inference_steps: options.NumInferenceSteps = None,
    seed: options.Seed = 0,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it, into this .png.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the picture.")] = False,
    dtype: options.Dtype = "auto",
    device: options.Device = "auto",
    memory: options.Memory = "auto",
    as_json: options.Json = False,
) -> None:
    """Tell which layers of a new checkpoint to read: the half with the largest λ₂, whose attention keeps structure.

    On the demo's own clips, where every mask is known, the half that finds its concepts best. Both are rules of thumb.
    """
    if output is not None and output.suffix.lower() != ".png":
        raise typer.BadParameter(f"{output} is no .png; give one", param_hint="--output")
    if output is not None and output.exists() and not overwrite:
        raise ValueError(f"{output} is already there; pass --overwrite or another --output")
    if videos and clips is not None:
        raise typer.BadParameter("counts the demo's own clips; leave it out beside videos", param_hint="--clips")
    if videos and prompt is None:
        raise typer.BadParameter("say what the videos show", param_hint="--prompt")
    if not videos and (model != "demo" or prompt is not None):
        raise typer.BadParameter("name some, and their --prompt; only --model demo does without", param_hint="VIDEOS")
    # With diffusers, which takes seconds; --help does without.
    from imap_fast.cli.pipeline import load_pipeline

    console = Console(stderr=True)
    pipe = load_pipeline(model, dtype=dtype, device=device, console=console, memory=memory)
    shown = {"videos": videos, "prompts": [prompt] * len(videos)} if videos else _demo_clips(clips or DEMO_CLIPS)
    if model == "demo" and step is None:
        step = chosen()["steps"][0]
    began = time.perf_counter()
    with progress(console, "measuring every layer", len(shown["videos"])) as video_done:
        choice = choose_layers(
            pipe,
            **shown,
            step=step,
            num_inference_steps=num_inference_steps,
            height=height,
            width=width,
            generator=torch.Generator().manual_seed(seed),
            video_done=video_done,
        )
    seconds = time.perf_counter() - began
    if output is not None:
        with whole_file(output) as unfinished:
            choice.figure().savefig(unfinished)
    if as_json:
        told = {"command": "layers", "model": model, "videos": len(shown["videos"]), "seconds": round(seconds, 2)}
        typer.echo(json.dumps(told | _record(choice) | {"files": {} if output is None else {output.name: str(output)}}))
        return
    typer.echo(f"{model} at step {choice.step}, mean over {len(shown['videos'])} videos, in {seconds:.1f} s")
    _tell(choice)
    if output is not None:
        typer.echo(f"{output}  λ₂ by layer and head" + (", and how well each finds its concepts" if choice.auc else ""))


def _demo_clips(count: int) -> dict[str, Any]:
    """Arguments of `choose_layers` for validation scenes of the demo world, and the step chosen for its model."""
    from imap_fast.demo import world
    from imap_fast.demo.score import BACKGROUND, concept_masks

    scenes = [world.sample(seed, "validation") for seed in range(count)]
    # The background is asked for as what the others stand out from.
    masks = [concept_masks(scene) | {BACKGROUND: None} for scene in scenes]
    return {
        "videos": [scene.frames for scene in scenes],
        "prompts": [scene.caption for scene in scenes],
        "masks": masks,
    }


def _record(choice: LayerChoice) -> dict[str, Any]:
    """The choice as JSON holds it."""
    heads = {"lambda_2": choice.eigenvalues, "head_scores": choice.head_scores, "head_auc": choice.head_auc}
    return {
        "layers": choice.layers,
        "step": choice.step,
        "auc": {name: values.tolist() for name, values in choice.auc.items()},
        "correlation": choice.correlation,
        "heads": {name: values.tolist() for name, values in heads.items() if values is not None},
    }


def _tell(choice: LayerChoice) -> None:
    table = Table()
    for heading in ("layer", "λ₂", *(f"AUC {name}" for name in choice.auc)):
        table.add_column(heading, justify="right")
    table.add_column("read", justify="center")
    for layer, eigenvalue in enumerate(choice.eigenvalues.mean(1)):
        found = (f"{values[layer]:.2f}" for values in choice.auc.values())
        table.add_row(str(layer), f"{eigenvalue:.3f}", *found, "✓" if layer in choice.layers else "")
    console = Console(highlight=False)
    console.print(table)
    if choice.correlation is not None:
        console.print(f"separation score and AUC of {choice.head_auc.numel()} heads: r = {choice.correlation:.2f}")
    typer.echo(f"layers={list(choice.layers)}")

"""`imap-fast doctor`: what would run here."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from imap_fast.cli import options
from imap_fast.doctor import diagnose

GIB = 2**30


def doctor(
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Predict the memory it needs; see explain.")
    ] = None,
    frames: Annotated[int | None, typer.Option(metavar="N", min=1, help="In a window; else the model's own.")] = None,
    size: Annotated[str | None, typer.Option(metavar="HxW", help="In pixels, such as 480x720; as --frames.")] = None,
    as_json: options.Json = False,
) -> None:
    """Tell what would run on this machine: backend, versions, GPU, which checkpoints fit.

    With --model: the peak of GPU memory that explain needs in each --memory mode, predicted from the configuration.
    """
    if model is None and (frames is not None or size is not None):
        raise typer.BadParameter("name the model whose memory is to be predicted", param_hint="--model")
    found = diagnose()
    if model is not None:
        found["prediction"] = _prediction(model, frames, size)
    if as_json:
        typer.echo(json.dumps(found))
        return
    console = Console(soft_wrap=True, highlight=False)
    console.print(_facts(found))
    console.print()
    if model is not None:
        console.print(_peaks(found["prediction"]))
        console.print("Half precision, one window at a time. Predicted: not measured on a GPU.", style="dim")
        return
    console.print(_checkpoints(found["checkpoints"]))
    console.print("Weights in half precision; a fifth of the GPU is kept for activations.", style="dim")


def _facts(found: dict[str, Any]) -> Table:
    backend, gpu, demo = found["backend"], found["gpu"], found["demo_model"]
    facts = Table.grid(padding=(0, 2))
    facts.add_row("backend", Text(f"{backend['name'] or 'none'}: {backend['why']}"))
    if gpu:
        facts.add_row("gpu", Text(f"{gpu['name']}: {gpu['memory'] / GIB:.0f} GiB, {gpu['free'] / GIB:.0f} GiB free"))
    else:
        facts.add_row("gpu", "none")
    facts.add_row("demo model", Text("present" if demo["present"] else f"missing: {demo['folder']}; install again"))
    for package, version in found["versions"].items():
        facts.add_row(package, Text(version or "not installed"))
    return facts


def _checkpoints(checkpoints: list[dict[str, Any]]) -> Table:
    table = Table("checkpoint", "weights", "largest part", "fits this GPU")
    for checkpoint in checkpoints:
        sizes = (f"{checkpoint[size] / GIB:.1f} GiB" for size in ("weights", "largest_part"))
        table.add_row(checkpoint["name"], *sizes, checkpoint["fits"] or "no GPU")
    return table


def _prediction(model: str, frames: int | None, size: str | None) -> dict[str, Any]:
    from imap_fast.cli.pipeline import keep_libraries_quiet, model_source  # with diffusers, which takes seconds
    from imap_fast.peaks import clip_of, parts_of, predicted_peaks

    keep_libraries_quiet(Console(stderr=True))
    parts = parts_of(model_source(model))
    own_frames, *own_size = clip_of(parts)
    height, width = own_size if size is None else _height_and_width(size)
    clip = {"frames": frames or own_frames, "height": height, "width": width}
    return {"model": model, **clip, "peaks": predicted_peaks(parts, **clip)}


def _height_and_width(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise typer.BadParameter(f"{text!r} is no size; write it like 480x720", param_hint="--size")
    return int(height), int(width)


def _peaks(prediction: dict[str, Any]) -> Table:
    clip = "{frames} × {height}×{width}".format(**prediction)
    table = Table("--memory", "peak of GPU memory", title=Text(f"{prediction['model']}, windows of {clip}"))
    table.title_justify = "left"
    for mode, peak in prediction["peaks"].items():
        table.add_row(mode, f"{peak / GIB:.2f} GiB")
    return table

"""`imap-fast doctor`: what can run on this machine."""

import json
import re
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from imap_fast.cli import options
from imap_fast.cli.inside import Keep, axes
from imap_fast.loading.source import model_source, reading_model

GIB = 2**30

EXAMPLE = {"concepts": 3, "maps": 2, "steps": 50}
"""For which the room of what is kept is predicted."""


def doctor(
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Predict the memory that this model needs; see explain.")
    ] = None,
    frames: Annotated[
        int | None, options.number(None, "Frames in a window. Default: the model's.", most=options.LONGEST_CLIP)
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="HxW", help="In pixels, such as 480x720. Default: that of the model.")
    ] = None,
    keep: Keep = None,
    as_json: options.Json = False,
) -> None:
    """Report what can run on this machine: backend, versions, GPU, and checkpoints that fit.

    With --model: the peak GPU memory of explain in each --memory mode, predicted from the configuration. With --keep,
    also the memory that single layers and steps take.
    """
    if model is None and (frames, size, keep) != (None, None, None):
        raise typer.BadParameter("name the model whose memory is predicted", param_hint="--model")
    kept = [] if keep is None else axes(keep)
    height_and_width = None if size is None else _height_and_width(size)
    if model is not None:
        model_source(model)
    from imap_fast.doctor.diagnosis import diagnose

    diagnosis = diagnose()
    if model is not None:
        diagnosis["prediction"] = _prediction(model, frames, height_and_width, kept)
    if as_json:
        typer.echo(json.dumps(diagnosis))
        return
    console = Console(soft_wrap=True, highlight=False)
    console.print(_machine(diagnosis))
    console.print()
    if model is not None:
        console.print(_peaks(diagnosis["prediction"]))
        if kept:
            console.print(_room(kept, diagnosis["prediction"]["kept"]))
        console.print("Half precision, one window at a time. Predicted: not measured on a GPU.", style="dim")
        return
    console.print(_checkpoints(diagnosis["checkpoints"]))
    console.print("Weights in half precision. A fifth of the GPU is kept for activations.", style="dim")


def _machine(diagnosis: dict[str, Any]) -> Table:
    backend, gpu, demo = diagnosis["backend"], diagnosis["gpu"], diagnosis["demo_model"]
    table = Table.grid(padding=(0, 2))
    table.add_row("backend", Text(f"{backend['name'] or 'none'}: {backend['why']}"))
    if gpu:
        table.add_row("gpu", Text(f"{gpu['name']}: {gpu['memory'] / GIB:.0f} GiB, {gpu['free'] / GIB:.0f} GiB free"))
    else:
        table.add_row("gpu", "none")
    table.add_row("demo model", Text("present" if demo["present"] else f"missing: {demo['folder']}; install again"))
    for package, version in diagnosis["versions"].items():
        table.add_row(package, Text(version or "not installed"))
    return table


def _checkpoints(checkpoints: list[dict[str, Any]]) -> Table:
    table = Table("checkpoint", "weights", "largest part", "fits this GPU")
    for checkpoint in checkpoints:
        sizes = (f"{checkpoint[size] / GIB:.1f} GiB" for size in ("weights", "largest_part"))
        table.add_row(checkpoint["name"], *sizes, checkpoint["fits"] or "no GPU")
    return table


def _prediction(model: str, frames: int | None, size: tuple[int, int] | None, keep: list[str]) -> dict[str, Any]:
    from imap_fast.doctor.peak_memory import clip_of, kept_plane_bytes, parts_of, predicted_peaks
    from imap_fast.loading.libraries import keep_libraries_quiet

    keep_libraries_quiet(Console(stderr=True))
    with reading_model(model):
        parts = parts_of(model_source(model))
        default_frames, *default_size = clip_of(parts)
    height, width = size or default_size
    clip = {"frames": frames or default_frames, "height": height, "width": width}
    try:
        peaks = predicted_peaks(parts, **clip)
    except RuntimeError as error:
        reason = f"{model} cannot take {clip['frames']} frames of {height}x{width} ({error})"
        raise ValueError(f"{reason}; give other --frames and --size") from error
    kept = {"kept": kept_plane_bytes(parts, keep, **clip)} if keep else {}
    return {"model": model, **clip, "peaks": peaks, **kept}


def _room(keep: list[str], plane: int) -> str:
    """What `keep` takes of memory, by its bytes for one concept, one map and one step."""
    from imap_fast.tracing.kept_memory import size

    planes, example = EXAMPLE["concepts"] * EXAMPLE["maps"], "{concepts} concepts and {maps} maps"
    of = "each concept and map"
    if "steps" in keep:
        planes, example = planes * EXAMPLE["steps"], "{concepts} concepts, {maps} maps and {steps} steps"
        of = "each concept, map and step"
    kept = f"--keep {','.join(keep)} takes {size(plane)} of memory for {of}"
    return f"{kept}: {size(plane * planes)} with {example.format(**EXAMPLE)}."


def _height_and_width(text: str) -> tuple[int, int]:
    is_size = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text, re.ASCII)
    height, width = map(int, is_size.groups()) if is_size else (0, 0)
    if not 0 < max(height, width) <= options.LARGEST_SIDE:
        reason = f"{text!r} is no size up to {options.LARGEST_SIDE}; write it like 480x720"
        raise typer.BadParameter(reason, param_hint="--size")
    return height, width


def _peaks(prediction: dict[str, Any]) -> Table:
    clip = "{frames} × {height}×{width}".format(**prediction)
    table = Table("--memory", "peak of GPU memory", title=Text(f"{prediction['model']}, windows of {clip}"))
    table.title_justify = "left"
    for mode, peak in prediction["peaks"].items():
        table.add_row(mode, f"{peak / GIB:.2f} GiB")
    return table

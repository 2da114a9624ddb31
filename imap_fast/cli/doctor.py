"""`imap-fast doctor`: what would run here."""

import json
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from imap_fast.cli import options
from imap_fast.doctor import diagnose

GIB = 2**30


def doctor(as_json: options.Json = False) -> None:
    """Tell what would run on this machine: backend, versions, GPU, which checkpoints fit."""
    found = diagnose()
    if as_json:
        typer.echo(json.dumps(found))
        return
    console = Console(soft_wrap=True, highlight=False)
    console.print(_facts(found))
    console.print()
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

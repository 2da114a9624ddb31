"""`imap-fast models`: which models can be read, and what of them was tested."""

import json
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from imap_fast.cli import options
from imap_fast.models.registry import ARCHITECTURES, Architecture

NOTES = (
    "explain: it passes real videos through this pipeline. Generated videos are traced with every one, and with other "
    "pipelines that have one of these transformers.",
    "published: maps are also those of the published implementation. All are those of an oracle, which computes the "
    "method from the attention calls of stock models with small random weights. No published checkpoint was run.",
)


def models(as_json: options.Json = False) -> None:
    """List the models that can be read: their pipelines, which words have maps, and how that is tested."""
    if as_json:
        typer.echo(json.dumps({module: _record(each) for module, each in ARCHITECTURES.items()}))
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    for architecture in ARCHITECTURES.values():
        words = "any words" if architecture.has_concept_stream else "words of the prompt"
        table.add_row(architecture.name, words, "published" if architecture.is_published else "", style="bold")
        for pipeline in architecture.pipelines:
            explained = "explain" if pipeline.explained else ""
            table.add_row(f"  {pipeline.name}", pipeline.starts_from or "a prompt", explained)
    console = Console(highlight=False)
    console.print(table)
    for note in NOTES:
        console.print()
        console.print(note, style="dim")


def _record(architecture: Architecture) -> dict[str, Any]:
    """An architecture as JSON values."""
    return {
        "name": architecture.name,
        "transformer": architecture.transformer,
        "match": ["concepts", "prompt"] if architecture.has_concept_stream else ["prompt"],
        "tested_against_published_outputs": architecture.is_published,
        "pipelines": {
            pipeline.name: {"starts_from": pipeline.starts_from, "explained": pipeline.explained}
            for pipeline in architecture.pipelines
        },
    }

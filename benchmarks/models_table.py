"""The models that can be read, as lists and a table."""

from __future__ import annotations

import textwrap
from pathlib import Path

import imap_fast
from imap_fast.models.registry import ARCHITECTURES, Architecture, Pipeline

COLUMNS = 125
PACKAGE = Path(imap_fast.__file__).parent


def lists() -> str:
    """The names of the models, by whose words have maps."""
    own, prompt = (
        [each.name for each in ARCHITECTURES.values() if each.has_concept_stream is has] for has in (True, False)
    )
    lines = [
        f"- Any concept: {', '.join(own)}",
        f"- Words of the prompt: {', '.join(prompt)}",
    ]
    return "\n".join(textwrap.fill(line, COLUMNS, subsequent_indent="  ", break_on_hyphens=False) for line in lines)


def table() -> str:
    """A row for each model."""
    rows = ["| model | pipelines | text keys | maps compared with |", "| --- | --- | --- | --- |"]
    return "\n".join([*rows, *map(_row, ARCHITECTURES.values())])


def example() -> str:
    """The file of an adapter."""
    return f"```python\n{(PACKAGE / 'models/cosmos.py').read_text('utf-8').rstrip()}\n```"


def _row(architecture: Architecture) -> str:
    keys = "concepts, prompt" if architecture.has_concept_stream else "prompt"
    compared = "the published implementation's outputs, an oracle" if architecture.is_published else "an oracle"
    pipelines = ", ".join(map(_named, architecture.pipelines))
    return f"| {architecture.name} | {pipelines} | {keys} | {compared} |"


def _named(pipeline: Pipeline) -> str:
    return f"`{pipeline.name}`" + ("" if pipeline.explained else " (not `explain`)")

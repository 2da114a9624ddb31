"""The tables of the held-out results in docs/trials.md."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.record import RESULTS
from benchmarks.trials.measures import MAPS, MEASURES
from benchmarks.trials.variants import PUBLISHED, VARIANTS

HEADS = ("objects", "motions", "motions over frames", "agreement")
"""What the measures are called in the table, in their order."""


def tables(results: Path = RESULTS) -> str:
    """Markdown tables with titles, one for each map of each model: a line for each variant, a column for each measure.

    A cell has the value, and the interval of its difference to the published method, whose own interval is in the
    first line.
    """
    report = json.loads((results / "trials.json").read_text())
    shapes = dict.fromkeys(row["shape"] for row in report["rows"] if " held-out clips" in row["shape"])
    found = {(row["shape"], row["name"]): row for row in report["rows"]}
    parts = []
    for shape, name in product(shapes, MAPS):
        title = f"**`{name}`**, means over {shape}; {report['date']}."
        lines = [title, "", f"| variant | {' | '.join(HEADS)} |", "| --- |" + " --- |" * len(HEADS)]
        for variant, fields in VARIANTS.items():
            if name in fields.maps:
                cells = [cell(found[shape, f"{measure} {name}, {variant}"], variant) for measure in MEASURES]
                lines.append(f"| {variant} | {' | '.join(cells)} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def cell(row: dict[str, Any], variant: str) -> str:
    """A value with an interval: its own in the published method, else that of the difference to it."""
    if variant == PUBLISHED:
        return f"{row['value']:.3f} <small>{row['low']:.3f} to {row['high']:.3f}</small>"
    return f"{row['value']:.3f} <small>{row['difference_low']:+.3f} to {row['difference_high']:+.3f}</small>"

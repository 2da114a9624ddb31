"""The tables of `benchmarks.tracking`, as Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.record import RESULTS
from imap_fast.maps.names import REGION_MAPS

Row = dict[str, float | None]

MEASURES = {"δ4": "δ4", "δ": "δ", "AJ": "AJ", "median_error": "median error, pixels"}
STEPS = (10, 20, 30, 40)
BASELINES = ("template matching", "Lucas–Kanade")


def tracking(estimate: Callable[[Row], str], results: Path = RESULTS) -> str:
    """How well points are followed: by each map, by step, and by layer, beside what needs no model."""
    report = json.loads((results / "tracking.json").read_text())
    rows = {row["name"]: row for row in report["rows"]}

    def cells(name: str, *measures: str) -> str:
        return " | ".join(estimate(rows[f"{name}: {measure}"]) for measure in measures)

    lines = [
        f"Means over {report['rows'][0]['shape']}, each with its 95 % confidence interval; {report['date']}.",
        "δ4 is the share of places within 4 pixels of 256, δ the mean of the shares within 1, 2, 4, 8 and 16. The",
        "median error is that of each clip, in its own pixels, of which a patch has 8. The frame of the mark is not",
        "measured.",
        "",
        f"| Middles of objects | {' | '.join(MEASURES.values())} |",
        "| --- |" + " --- |" * len(MEASURES),
    ]
    lines += [f"| {name} | {cells(name, *MEASURES)} |" for name in BASELINES]
    for map in REGION_MAPS:
        for step in STEPS[1::2]:
            lines.append(f"| `{map}`, step {step} of 50 | {cells(f'{map}, all layers, step {step}', *MEASURES)} |")
    lines += ["", f"| AJ at step 40, by layer | {' | '.join(f'`{map}`' for map in REGION_MAPS)} |"]
    lines.append("| --- |" + " --- |" * len(REGION_MAPS))
    for layer in ("all layers", *(f"layer {layer}" for layer in range(4))):
        values = " | ".join(cells(f"{map}, {layer}, step 40", "AJ") for map in REGION_MAPS)
        lines.append(f"| {layer} | {values} |")
    return "\n".join(lines)

"""The tables of long videos in the docs: what `benchmarks.long_video` found, as far as there are results."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figure import figure
from benchmarks.long_video.cost import STAGES
from benchmarks.record import RESULTS

HEADINGS = {"objects": "objects", "motions": "motions", "when": "*when* a motion happens", "seam": "seams"}
"""The measures of quality, and what they are called."""

Rows = dict[tuple[str, str], dict[str, Any]]
"""The rows of a result by name and shape."""


def long_video(results: Path = RESULTS) -> str:
    """What was measured and predicted about long videos, in Markdown. Empty if there are no results."""
    parts = []
    for name, part in PARTS.items():
        path = results / f"long-video-{name}.json"
        if path.exists():
            report = json.loads(path.read_text("utf-8"))
            rows = {(row["name"], row["shape"]): row for row in report["rows"]}
            parts.append(part(rows, f"{report['device']}, {report['date']}"))
    return "\n\n".join(parts)


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _figure(row: dict[str, Any] | None) -> str:
    return "–" if row is None else figure(row["value"], row["unit"])


def _cost(rows: Rows, measured: str) -> str:
    of = {name: row for (name, _), row in rows.items()}
    (shape,) = {shape for _, shape in rows}
    stages = [stage for stage in STAGES if {f"maps: {stage}", f"overlay: {stage}"} & of.keys()]

    def cell(kind: str, stage: str) -> str:
        row = of.get(f"{kind}: {stage}")
        return "–" if row is None else f"{row['value']:.3g}"

    table = _table(
        ["ms for a second of video", *stages],
        [[kind, *(cell(kind, stage) for stage in stages)] for kind in ("maps", "overlay")],
    )
    waits = (
        f"The model waited {_figure(of['the model waited for frames'])} for frames, and frames waited "
        f"{_figure(of['frames waited for the model'])} for the model."
    )
    checkouts = [name.removeprefix("both, ") for name in of if name.startswith("both, ")]
    whole = _table(
        ["whole run", "maps", "overlay", "both", "windows", "peak of memory"],
        [
            [name, *(_figure(of.get(f"{what}, {name}")) for what in ("maps", "overlay", "both", "windows", "peak"))]
            for name in checkouts
        ],
    )
    return (
        f"**What a second costs.** {shape}; {measured}. Stages are summed over threads, which work at the "
        f"same time and wait for a core.\n\n{table}\n\n{waits}\n\n{whole}"
    )


def _sleeping(rows: Rows, measured: str) -> str:
    (shape,) = {shape for _, shape in rows}
    of = {name: row for (name, _), row in rows.items()}
    wall = "wall time over the longer one"
    lines = [
        [name.split(":")[0], _figure(row), _figure(of[name.replace(wall, "one after the other")])]
        for name, row in of.items()
        if name.endswith(wall)
    ]
    table = _table(["a model that only sleeps", "wall time over the longer of the two", "one after the other"], lines)
    return f"**Reading beside the model.** {shape}; {measured}.\n\n{table}"


def _memory(rows: Rows, measured: str) -> str:
    lines = [[name, shape if ": " not in name else "", _figure(row)] for (name, shape), row in rows.items()]
    return f"**Memory.** Resident, of a whole process; {measured}.\n\n" + _table(["what", "of", ""], lines)


def _flops(rows: Rows, _: str) -> str:
    (assumed,) = (row for (name, _), row in rows.items() if name.startswith("share of the peak"))
    models = [shape for name, shape in rows if name == "encoder"]
    ways = list(dict.fromkeys(name.split(": ")[1] for name, _ in rows if name.startswith("arithmetic: ")))
    (hour,) = {name.split(": ")[0] for name, _ in rows if name.startswith("predicted hour")}

    def cell(model: str, way: str) -> str:
        windows, flops, minutes = (rows[f"{name}: {way}", model]["value"] for name in ("windows", "arithmetic", hour))
        return f"{windows:.2f} windows, {flops:.3g} TFLOP; {minutes:.3g} min"

    lines = [
        [
            model,
            *(f"{rows[part, model]['value']:.3g}" for part in ("encoder", "transformer")),
            *(cell(model, way) for way in ways),
        ]
        for model in models
    ]
    table = _table(["model and window", "encoder, TFLOP a window", "transformer, TFLOP a window", *ways], lines)
    return (
        f"**Arithmetic.** Counted on tensors without data: windows and TFLOP for a second of a film of 24 frames a "
        f"second. After them, the {hour}; both have the same peak in bf16. It assumes {assumed['value']:.0%} of the "
        f"peak for all of the work: so much was measured of {assumed['shape']}. No encoder was measured. Reading, "
        f"drawing and writing are left out.\n\n{table}"
    )


def _quality(rows: Rows, measured: str) -> str:
    parts = [
        f"**Quality.** AUC in held-out scenes of the demo's world, with 95 % confidence intervals; {measured}. Below "
        "it, the paired difference to the first line. *Seams*: the mean step between neighbouring latent frames where "
        "windows meet, over that within windows."
    ]
    for shape in dict.fromkeys(shape for _, shape in rows):
        of = {name: row for (name, each), row in rows.items() if each == shape}
        ways = list(dict.fromkeys(name.split(": ")[1] for name in of if ", minus " not in name))
        columns = list(dict.fromkeys(name.split(": ")[0] for name in of))
        lines = [[way, *(_estimate(of, column, way, ways[0]) for column in columns)] for way in ways]
        heads = [f"{HEADINGS[kind]}, `{name}`" for kind, _, name in (column.partition(" by ") for column in columns)]
        scenes = max(row["clips"] for row in of.values())
        parts.append(f"{scenes} scenes, {shape}:\n\n" + _table(["read as", *heads], lines))
    return "\n\n".join(parts)


def _estimate(of: dict[str, dict[str, Any]], column: str, way: str, first: str) -> str:
    """A mean with its interval, and below it the paired difference to the first way."""
    row = of.get(f"{column}: {way}")
    if row is None or row["value"] is None:
        return "–"
    cell = f"{row['value']:.2f}"
    if row["low"] is not None:
        cell += f" <small>{row['low']:.2f}–{row['high']:.2f}</small>"
    difference = of.get(f"{column}: {way}, minus {first}")
    if difference is not None and difference["low"] is not None:
        cell += f"<br>{difference['value']:+.3f} <small>{difference['low']:+.3f} to {difference['high']:+.3f}</small>"
    return cell


PARTS: dict[str, Callable[[Rows, str], str]] = {
    "cost": _cost,
    "sleeping": _sleeping,
    "memory": _memory,
    "flops": _flops,
    "quality": _quality,
}

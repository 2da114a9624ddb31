"""The tables of `benchmarks.masks`, as Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.record import RESULTS

Row = dict[str, float | None]

THRESHOLDS = ("otsu", "0.7", "90%")
"""The thresholds that are compared with the default."""


def masks(estimate: Callable[[Row], str], results: Path = RESULTS) -> str:
    """How well masks cover objects: by map and refinement, by threshold, and by the shape of the object."""
    report = json.loads((results / "masks.json").read_text())
    rows = {row["name"]: row for row in report["rows"]}

    def cells(*names: str) -> str:
        return " | ".join(estimate(rows[name]) if name in rows else "–" for name in names)

    lines = [
        f"Means over {report['rows'][0]['shape']}, each with its 95 % confidence interval; {report['date']}.",
        "J is the mean over frames of the intersection over union of an object. Mean IoU is of the objects and the",
        "background, over all frames of a clip.",
        "",
        "| Objects | J | J, exclusive | mean IoU | mean IoU, exclusive |",
        "| --- | --- | --- | --- | --- |",
    ]
    for map in ("gramcol", "imap"):
        for refine in ("none", "guided", "crf"):
            way = f"{map} otsu-twice {refine}"
            names = [
                f"{way} {kind} {measure}" for measure in ("j", "mean_iou") for kind in ("overlapping", "exclusive")
            ]
            lines.append(f"| `{map}`, `{refine}` | {cells(*names)} |")
    lines += ["", "| `gramcol`, `none`, by threshold | J | J, exclusive | mean IoU | mean IoU, exclusive |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for threshold in ("otsu-twice", *THRESHOLDS):
        way = f"gramcol {threshold} none"
        names = [f"{way} {kind} {measure}" for measure in ("j", "mean_iou") for kind in ("overlapping", "exclusive")]
        lines.append(f"| `{threshold}` | {cells(*names)} |")
    shapes = sorted({name.split(" j ")[1] for name in rows if " j " in name})
    lines += ["", f"| J by object, `gramcol` | {' | '.join(shapes)} |", "| --- |" + " --- |" * len(shapes)]
    for refine in ("none", "guided", "crf"):
        names = [f"gramcol otsu-twice {refine} overlapping j {shape}" for shape in shapes]
        lines.append(f"| `{refine}` | {cells(*names)} |")
    return "\n".join(lines)

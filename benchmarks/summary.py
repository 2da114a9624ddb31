"""What README says of cost and of rightness, in short. docs/performance.md and docs/evaluation.md have all figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.figure import figure
from benchmarks.record import RESULTS

COSTS = {
    "a step with saliency over a stock one": "step_ratio_",
    "a real video's forward over a stock guided step": "explain_over_stock_step_",
    "a step of the published code over ours": "authors_over_ours_",
    "memory of a step with saliency over a stock one's": "memory_delta_mib_",
    "memory of the published code's step over a stock one's": "authors_memory_delta_mib_",
}
"""What each row of the table of costs is, and how its figures' names begin."""

SHOWN = ("objects by gramcol", "motions by imap")
"""The rows of the demo's results."""

CHECKPOINTS = {"2b": "CogVideoX-2B", "5b": "CogVideoX-5B"}


def costs(results: Path = RESULTS) -> str:
    """A Markdown table of steps and memory, for each GPU that ran full-size models."""
    tables = []
    for path in sorted(results.glob("pipeline-*.json")):
        report = json.loads(path.read_text())
        rows = {row["name"]: row for row in report["rows"] if row["value"] is not None}
        if not any(f"step_ratio_{name}" in rows for name in CHECKPOINTS):
            continue
        lines = [
            f"| {report['device']}, {report['date']} | {' | '.join(CHECKPOINTS.values())} |",
            "| --- | --- | --- |",
        ]
        for description, prefix in COSTS.items():
            found = [rows.get(f"{prefix}{name}") for name in CHECKPOINTS]
            cells = [figure(row["value"], row["unit"]) if row else "not measured" for row in found]
            if any(found):
                lines.append(f"| {description} | {' | '.join(cells)} |")
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def findings(results: Path = RESULTS) -> str:
    """Three lines: objects, motions, and the settings of the demo. Every figure is a mean AUC in space and time."""
    published = _means(results / "localization.json")
    demo = _means(results / "demo.json")
    alone, caption = "concepts in a stream", "words of a full caption"

    def auc(kind: str, shape: str) -> str:
        methods = ("gramcol", "imap", "cross_attention")
        return ", ".join(f"`{each}` {published(f'{kind} spacetime_auc {each}', shape):.2f}" for each in methods)

    shown = ", ".join(f"{name.replace('by ', 'by `')}` {demo(name, 'held-out'):.2f}" for name in SHOWN)
    baseline = " and ".join(f"{demo(f'{kind} by cross_attention', 'held-out'):.2f}" for kind in ("objects", "motions"))
    return "\n".join(
        [
            f"- Objects, as concepts: {auc('object', alone)}",
            f"- Motions, as concepts: {auc('motion', alone)}; as words of the caption: {auc('motion', caption)}",
            f"- At the demo's settings, which are chosen for these maps: {shown}; `cross_attention` {baseline}",
        ]
    )


def demo(results: Path = RESULTS) -> str:
    """A Markdown table of what each map finds at the settings of the demo."""
    rows = json.loads((results / "demo.json").read_text())["rows"]
    found = {row["name"]: row for row in rows if "held-out clips" in row["shape"]}
    maps = dict.fromkeys(name.rpartition(" ")[2] for name in found)

    def cell(kind: str, name: str) -> str:
        row = found[f"{kind} by {name}"]
        return f"{row['value']:.2f} <small>{row['low']:.2f}–{row['high']:.2f}</small>"

    lines = ["| AUC in space-time | objects | motions |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {cell('objects', name)} | {cell('motions', name)} |" for name in maps]
    return "\n".join(
        [*lines, "", f"Means over {next(iter(found.values()))['shape']}, with their 95 % confidence intervals."]
    )


def _means(path: Path) -> Any:
    rows = json.loads(path.read_text())["rows"]

    def mean(name: str, shape: str) -> float:
        (value,) = (row["value"] for row in rows if row["name"] == name and shape in row["shape"])
        return value

    return mean

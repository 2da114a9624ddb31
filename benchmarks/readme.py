"""The figures of README and the docs. `python -m benchmarks.readme` writes them, measured ones from
`benchmarks/results`.

Figures are never typed: a test fails if a page and the results differ.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from benchmarks import cards, masks_table, models_table, summary, tracking_table
from benchmarks.figure import figure
from benchmarks.long_video.summary import long_video
from benchmarks.record import PICTURES, RESULTS
from benchmarks.resources import floor
from benchmarks.shots.summary import shots

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- {}: python -m benchmarks.readme -->", "<!-- /{} -->"
# Patterns of row names, and their descriptions in the order of the table. `\1` is the first group of the name.
DESCRIPTIONS = {
    r"step_ratio_(?!2b_sweep)": "a step with saliency over a stock one",
    r"block_ratio_cpu_2b": "a block with saliency over a stock one",
    r"explain_over_stock_step_": "`explain`'s forward over a stock guided step",
    r"authors_over_ours_": "a step of the published code over ours",
    r"authors_block_ratio_cpu_2b": "a block of the published code over a stock one",
    r"memory_delta_mib_(?!2b_sweep)": "memory of a step with saliency, over a stock one's",
    r"block_ratio_memory_cpu_2b": "peak memory of the block with saliency, over stock",
    r"authors_memory_delta_mib_": "memory of a step of the published code, over a stock one's",
    r"authors_block_ratio_memory_cpu_2b": "peak memory of the published code's block, over stock",
    r"flops_over_stock_": "arithmetic of a step with saliency over a stock one, counted",
    r"saliency_over_attention_2b": "a layer's saliency kernels over its attention call",
    r"(\w+)_bandwidth_2b": r"bandwidth of `\1` over a copy's",
    r"explain_peak_rss$": "peak memory of `imap-fast explain` with the model that ships, by frames",
    r"explain_time_per_frame$": "its time for a frame",
    r"copy_rate$": "copy in the memory of the device",
    r"matmul_rate$": "product of two matrices",
    r"(\w+)_error_largest$": r"largest error of `\1` against fp64",
    r"(stock|traced)_first_step_(2b|5b|1_5_5b)$": r"first \1 step, with what is done only once",
    r"device_operations_per_layer$": "device operations that a layer adds by being read",
    r"training_seconds$": "training of the demo model",
    r"window_encoder$": "encoder of a real video's window, random weights",
    r"window_transformer$": "transformer's pass of such a window",
    r"extra_memory_2b": "memory that a layer's saliency allocates",
}

# The tables of localization, each with its measures and what they are called.
MEASURED = {
    "Objects": {
        "object spatial_auc": "AUC in a frame",
        "object pointing": "highest point inside",
        "object spacetime_auc": "AUC in space-time",
    },
    "Motions": {
        "motion spatial_auc": "AUC in a frame, while they last",
        "motion temporal_auc": "AUC over frames",
        "motion spacetime_auc": "AUC in space-time",
    },
    "When motions happen": {
        "motion temporal_iou": "temporal IoU",
        "event ap30": "AP at 0.3",
        "event ap50": "AP at 0.5",
        "event ap70": "AP at 0.7",
        "motion steady": "found steady, of those that are",
    },
    "All objects at once": {"segmentation mean_iou": "mean IoU"},
}

# The rows that have a target, each with the least or the largest value.
TARGETS = {
    "qk_match_bandwidth_2b": ("≥", 0.8),
    "frame_separation_bandwidth_2b": ("≥", 0.8),
    "gram_column_bandwidth_2b": ("≥", 0.8),
    "saliency_over_attention_2b": ("≤", 0.01),
    "step_ratio_2b": ("≤", 1.0),
    "explain_over_stock_step_5b": ("≤", 0.35),
    "authors_over_ours_2b": ("≥", 15),
    "memory_delta_mib_2b": ("≤", 64),
}


def costs(results: Path = RESULTS, pictures: Path = PICTURES) -> str:
    """Markdown tables of the rows in `DESCRIPTIONS`, one for each result file that has some, with its picture."""
    tables = []
    for path in sorted(results.glob("*.json")):
        report = json.loads(path.read_text())
        lines = []
        for pattern, description in DESCRIPTIONS.items():
            for row in report["rows"]:
                found = re.match(pattern, row["name"])
                if row["value"] is not None and found:
                    lines.append(
                        f"| {found.expand(description)} | {figure(row['value'], row['unit'])} | {row['shape']} |"
                    )
        if lines:
            versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
            tables += [f"**{report['device']}**, {report['date']} ({versions})", ""]
            tables += ["| what | figure | of |", "| --- | --- | --- |", *lines, ""]
            if (pictures / f"{path.stem}.png").exists():
                tables += [f"![Seconds of each variant, {report['device']}](images/{path.stem}.png)", ""]
    return "\n".join(tables).strip()


def targets(results: Path = RESULTS) -> str:
    """A Markdown table of the figures in `TARGETS` that were measured, each with whether it is met."""
    reports = [json.loads(path.read_text()) for path in sorted(results.glob("*.json"))]
    lines = ["| what | target | measured | | on |", "| --- | --- | --- | --- | --- |"]
    for name, (sign, limit) in TARGETS.items():
        for report in reports:
            for row in report["rows"]:
                value, unit = row["value"], row["unit"]
                if row["name"] == name and value is not None:
                    met = value <= limit if sign == "≤" else value >= limit
                    wanted = f"{sign} {limit:g} {'×' if unit == 'ratio' else unit}"
                    cells = [f"`{name}`", wanted, figure(value, unit), "met" if met else "**missed**", report["device"]]
                    lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def predicted() -> str:
    """The predicted time of every launch of a layer of 2B and 5B. Their kernels are compiled."""
    from benchmarks.resources import prediction  # imports Triton's compiler and diffusers

    return prediction.table(prediction.predict_all(tuple(prediction.CLIPS)))


def localization(results: Path = RESULTS) -> str:
    """Markdown tables of localization for each shape: a row for each method, a column for each measure."""
    report = json.loads((results / "localization.json").read_text())
    tables = []
    for shape, rows in groupby(report["rows"], key=lambda row: row["shape"]):
        found = {tuple(row["name"].rsplit(" ", 1)): row for row in rows}
        methods = list(dict.fromkeys(method for _, method in found))
        tables.append(f"Means over {shape}, each with its 95 % confidence interval; {report['date']}.")
        for title, measures in MEASURED.items():
            # Without a background, there is no segmentation.
            if all(found[measure, method]["value"] is None for measure in measures for method in methods):
                continue
            lines = [f"| {title} | {' | '.join(measures.values())} |", "| --- |" + " --- |" * len(measures)]
            for method in methods:
                cells = [estimate(found[measure, method]) for measure in measures]
                lines.append(f"| `{method}` | {' | '.join(cells)} |")
            tables.append("\n".join(lines))
    return "\n\n".join(tables)


def tracking(results: Path = RESULTS) -> str:
    """Markdown tables of tracks of points."""
    return tracking_table.tracking(estimate, results)


def masks(results: Path = RESULTS) -> str:
    """Markdown tables of masks against objects."""
    return masks_table.masks(estimate, results)


def trials() -> str:
    """Markdown tables of what was tried, in `benchmarks.trials`."""
    from benchmarks.trials import table  # imports diffusers

    return table.tables()


def estimate(row: dict[str, float | None]) -> str:
    """A mean with its confidence interval, if there are enough clips."""
    if row["value"] is None:
        return "–"
    interval = "" if row["low"] is None else f" <small>{row['low']:.2f}–{row['high']:.2f}</small>"
    return f"{row['value']:.2f}{interval}"


PAGES: dict[Path, dict[str, Callable[[], str]]] = {
    ROOT / "README.md": {
        "cards": cards.table,
        "costs": summary.costs,
        "findings": summary.findings,
        "models": models_table.lists,
    },
    ROOT / "docs/index.md": {"models": models_table.table},
    ROOT / "docs/adding-a-model.md": {"example": models_table.example},
    ROOT / "docs/evaluation.md": {"localization": localization, "demo": summary.demo},
    ROOT / "docs/masks-and-events.md": {"masks": masks},
    ROOT / "docs/follow.md": {"tracking": tracking},
    ROOT / "docs/real-video.md": {"shots": shots},
    ROOT / "docs/trials.md": {"trials": trials},
    ROOT / "docs/performance.md": {
        "measured": costs,
        "long video": long_video,
        "targets": targets,
        "floor": floor.table,
        "predicted": predicted,
    },
}


def main() -> None:
    """Write the sections into their pages, each page atomically."""
    for page, sections in PAGES.items():
        text = page.read_text("utf-8")
        for name, section in sections.items():
            before, _, rest = text.partition(BEGIN.format(name))
            _, _, after = rest.partition(END.format(name))
            text = f"{before}{BEGIN.format(name)}\n{section()}\n{END.format(name)}{after}"
        unfinished = page.with_suffix(".tmp")
        unfinished.write_text(text, "utf-8")
        os.replace(unfinished, page)


if __name__ == "__main__":
    main()

"""The measured figures of the README. `python -m benchmarks.readme` writes them from `benchmarks/results`.

Figures are never typed: a test fails if README and results differ.
"""

from __future__ import annotations

import json
import os
import re
from itertools import groupby
from pathlib import Path

from benchmarks.record import RESULTS

README = Path(__file__).parents[1] / "README.md"
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
    r"(stock|traced)_first_step_(2b|5b|1_5_5b)$": r"first \1 step, with compilation and tuning",
    r"device_operations_per_layer$": "device operations that a layer adds by being read",
    r"training_seconds$": "training of the demo model",
    r"extra_memory_2b": "memory that a layer's saliency allocates",
}

MEASURED = {
    "object spatial_auc": "objects: AUC in a frame",
    "object pointing": "objects: highest point inside",
    "object spacetime_auc": "objects: AUC in space-time",
    "motion spatial_auc": "motions: AUC in a frame, while they last",
    "motion temporal_auc": "motions: AUC over frames",
    "motion spacetime_auc": "motions: AUC in space-time",
    "segmentation mean_iou": "all at once: mean IoU",
}


def costs(results: Path = RESULTS) -> str:
    """Markdown tables of the rows in `DESCRIPTIONS`, one for each result file that has some."""
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
            picture = path.with_suffix(".png")
            tables += [f"**{report['device']}**, {report['date']} ({versions})", ""]
            tables += ["| what | figure | of |", "| --- | --- | --- |", *lines, ""]
            if picture.exists():
                tables += [f"![{path.stem}](benchmarks/results/{picture.name})", ""]
    return "\n".join(tables).strip()


def localization(results: Path = RESULTS) -> str:
    """Markdown tables of localization, one for each shape: a row for each measure, a column for each method."""
    report = json.loads((results / "localization.json").read_text())
    tables = []
    for shape, rows in groupby(report["rows"], key=lambda row: row["shape"]):
        found = {tuple(row["name"].rsplit(" ", 1)): row for row in rows}
        methods = list(dict.fromkeys(method for _, method in found))
        lines = [f"| | {' | '.join(f'`{method}`' for method in methods)} |", "| --- |" + " --- |" * len(methods)]
        for measure, description in MEASURED.items():
            of_methods = [found[measure, method] for method in methods]
            # Without a background, there is no segmentation.
            if any(row["value"] is not None for row in of_methods):
                lines.append(f"| {description} | {' | '.join(map(estimate, of_methods))} |")
        ending = f"Means over {shape}, with their 95 % confidence intervals; {report['date']}."
        tables.append("\n".join([*lines, "", ending]))
    return "\n\n".join(tables)


def estimate(row: dict[str, float | None]) -> str:
    """A mean with its confidence interval, if there are enough clips."""
    if row["value"] is None:
        return "–"
    interval = "" if row["low"] is None else f" ({row['low']:.2f}–{row['high']:.2f})"
    return f"{row['value']:.2f}{interval}"


def figure(value: float, unit: str) -> str:
    """A value with its unit, rounded for reading."""
    if unit == "ratio":
        digits = 4 if abs(value - 1) < 0.005 else 3 if value < 0.1 else 2
        return f"{value:.{digits}f} ×"
    if unit == "B":
        value, unit = value / 2**20, "MiB"
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"


SECTIONS = {"measured": costs, "localization": localization}


def main() -> None:
    """Write the sections into README.md, atomically."""
    text = README.read_text("utf-8")
    for name, section in SECTIONS.items():
        before, _, rest = text.partition(BEGIN.format(name))
        _, _, after = rest.partition(END.format(name))
        text = f"{before}{BEGIN.format(name)}\n{section()}\n{END.format(name)}{after}"
    unfinished = README.with_suffix(".tmp")
    unfinished.write_text(text, "utf-8")
    os.replace(unfinished, README)


if __name__ == "__main__":
    main()

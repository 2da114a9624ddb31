"""The results of an evaluation as a table for the terminal."""

from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

KINDS = {"object": "objects", "motion": "motions", "segmentation": "segmentation"}

MEASURES = {
    "spatial_auc": "AUC in a frame",
    "spatial_iou_best": "IoU, best threshold",
    "spatial_iou_otsu": "IoU, Otsu's threshold",
    "pointing": "pointing game",
    "temporal_auc": "AUC over frames",
    "spacetime_auc": "AUC in space-time",
    "spacetime_iou_best": "IoU in space-time",
    "mean_iou": "mean IoU",
}
"""The names of the measures, in the order of the rows."""


def localization_table(record: dict[str, Any]) -> Table:
    """A table with a row for each measure and a column for each method, with means and 95 % confidence intervals.

    Args:
        record: result of `imap_fast.evaluate.Evaluation.record`.
    """
    metrics = record["metrics"]
    methods = list(metrics["segmentation"]["mean_iou"])
    clips = record["clips"]["measured"]
    title = f"{clips} clip{'s' if clips > 1 else ''}: means and their 95 % confidence intervals"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("", min_width=12)
    table.add_column("n", justify="right")
    for method in methods:
        table.add_column(method.replace("_", " "), justify="right")
    for kind, heading in KINDS.items():
        if not any(scores[methods[0]]["values"] + scores[methods[0]]["left_out"] for scores in metrics[kind].values()):
            continue
        table.add_row(Text(f"\n{heading}", "bold"))
        for measure, scores in metrics[kind].items():
            table.add_row(MEASURES[measure], _count(scores[methods[0]]), *(_cell(scores[method]) for method in methods))
    if any(scores[methods[0]]["left_out"] for measures in metrics.values() for scores in measures.values()):
        table.caption = "left out: masks that are empty or full, motions in every frame or in no frame"
    return table


def _cell(score: dict[str, Any]) -> Text:
    if score["mean"] is None:
        return Text("–", "dim")
    cell = Text(f"{score['mean']:.2f}")
    if score["low"] is not None:
        cell.append(f"\n{score['low']:.2f}–{score['high']:.2f}", "dim")
    return cell


def _count(score: dict[str, Any]) -> Text:
    """The number of values, and the total if some were left out."""
    count = Text(str(score["values"]))
    if score["left_out"]:
        count.append(f"\nof {score['values'] + score['left_out']}", "dim")
    return count

"""The results of an evaluation as tables for the terminal."""

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

KINDS = {"object": "objects", "motion": "motions", "segmentation": "segmentation"}

MEASURES = {
    "spatial_auc": "AUC in\na frame",
    "spatial_iou_best": "best\nIoU",
    "spatial_iou_otsu": "IoU,\nOtsu's",
    "pointing": "pointing\ngame",
    "temporal_auc": "AUC over\nframes",
    "spacetime_auc": "AUC in\nspace-\ntime",
    "spacetime_iou_best": "best\nIoU in\nspace-\ntime",
    "mean_iou": "mean\nIoU",
    "agreement": "agree-\nment",
}
"""The names of the measures, in the order of the columns. The best IoU is that at the best threshold."""


def localization_table(record: dict[str, Any]) -> RenderableType:
    """A table for each kind, with a row for each method: means, and their 95 % confidence intervals.

    Args:
        record: result of `imap_fast.evaluate.Evaluation.record`.
    """
    clips = record["clips"]["measured"]
    title = Text(f"{clips} clip{'s' if clips > 1 else ''}: means and their 95 % confidence intervals", "italic")
    parts: list[RenderableType] = [title]
    metrics = record["metrics"]
    for kind in KINDS:
        of_first = [next(iter(scores.values())) for scores in metrics[kind].values()]
        if any(score["values"] + score["left_out"] for score in of_first):
            parts.append(_table(kind, metrics[kind]))
    scores = [score for measures in metrics.values() for of_method in measures.values() for score in of_method.values()]
    # All of them: an agreement that is unknown.
    if any(score["left_out"] and score["values"] for score in scores):
        parts.append(Text("left out: masks that are empty or full, motions in every frame or in no frame", "dim"))
    return Group(*parts)


def _table(kind: str, scores: dict[str, dict[str, dict[str, Any]]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    table.add_column(Text(KINDS[kind], "bold"), min_width=9)
    measures = [measure for measure in MEASURES if measure in scores]
    if not any(score["values"] for score in scores.get("agreement", {}).values()):
        measures = [measure for measure in measures if measure != "agreement"]  # nobody knows it of one noise
    for measure in measures:
        table.add_column(MEASURES[measure], justify="right")
    first = next(iter(scores[measures[0]]))
    table.add_row(Text("n", "dim"), *(_count(scores[measure][first]) for measure in measures))
    for method in scores[measures[0]]:
        table.add_row(method.replace("_", "\n"), *(_cell(scores[measure][method]) for measure in measures))
    return table


def _cell(score: dict[str, Any]) -> Text:
    if score["mean"] is None:
        return Text("–", "dim")
    cell = Text(f"{score['mean']:.2f}")
    if score["low"] is not None:
        low, high = (_three_characters(score[end]) for end in ("low", "high"))
        cell.append(f"\n{low}–{high}", "dim")
    return cell


def _three_characters(value: float) -> str:
    """A number from 0 to 1, so short that eight columns fit a terminal."""
    return f"{value:.2f}".removeprefix("0")[:3]


def _count(score: dict[str, Any]) -> Text:
    """The number of values, and the total if some were left out."""
    count = Text(str(score["values"]), "dim")
    if score["left_out"]:
        count.append(f"\nof {score['values'] + score['left_out']}")
    return count

"""The results of an evaluation as tables for the terminal."""

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from imap_fast.evaluate.tracks import WITHIN

IN_SPACE = {
    "spatial_auc": "AUC in\na frame",
    "spatial_iou_best": "best\nIoU",
    "spatial_iou_otsu": "IoU,\nOtsu's",
    "pointing": "pointing\ngame",
}
IN_TIME = {"temporal_auc": "AUC over\nframes"}
IN_SPACE_AND_TIME = {
    "spacetime_auc": "AUC in\nspace-\ntime",
    "spacetime_iou_best": "best\nIoU in\nspace-\ntime",
    "agreement": "agree-\nment",
}
AS_MASKS = {"j": "J", "f": "F", "j_and_f": "J&F"}

EVENTS = {
    ("motion", "temporal_iou"): "tIoU",
    ("motion", "steady"): "steady",
    ("event", "ap30"): "AP at\n0.3",
    ("event", "ap50"): "AP at\n0.5",
    ("event", "ap70"): "AP at\n0.7",
}

TRACKS = {("track", measure): f"δ\n{pixels} px" for pixels, measure in WITHIN.items()}
TRACKS |= {("track", "within"): "mean\nδ", ("track", "jaccard"): "AJ", ("track", "occlusion_accuracy"): "OA"}

TABLES = {
    "objects": {("object", measure): name for measure, name in (IN_SPACE | IN_SPACE_AND_TIME).items()},
    "motions": {("motion", measure): name for measure, name in (IN_SPACE | IN_TIME | IN_SPACE_AND_TIME).items()},
    "events": EVENTS,
    "tracks": TRACKS,
    "masks": {
        (kind, measure): f"{kind}s\n{name}" for kind in ("object", "motion") for measure, name in AS_MASKS.items()
    },
    "segmentation": {
        ("segmentation", "mean_iou"): "mean IoU\nof a clip",
        ("class", "miou"): "mIoU",
        ("segmentation", "mvc8"): "mVC8",
        ("segmentation", "mvc16"): "mVC16",
    },
}
"""The kind and the measure of each column, with its name, by the title of the table. The best IoU is that at the best
threshold."""

Column = dict[str, dict[str, Any]]
"""The estimate of each method."""


def localization_table(record: dict[str, Any]) -> RenderableType:
    """Tables with a row for each method: means, and their 95 % confidence intervals.

    Args:
        record: result of `imap_fast.evaluate.Evaluation.record`.
    """
    clips = record["clips"]["measured"]
    title = Text(f"{clips} clip{'s' if clips > 1 else ''}: means and their 95 % confidence intervals", "italic")
    parts: list[RenderableType] = [title]
    scores: list[dict[str, Any]] = []
    for name, of_table in TABLES.items():
        columns = {
            heading: record["metrics"][kind][measure]
            for (kind, measure), heading in of_table.items()
            if _is_shown(measure, record["metrics"][kind][measure])
        }
        if columns:
            parts.append(_table(name, columns))
            scores += [score for column in columns.values() for score in column.values()]
    if any(score["left_out"] and score["values"] for score in scores):
        left_out = (
            "masks that are empty or full, motions in every frame or in no frame (under steady: all others), clips "
            "shorter than a run of mVC, points that are seen once"
        )
        parts.append(Text(f"left out: {left_out}", "dim"))
    return Group(*parts)


def _is_shown(measure: str, column: Column) -> bool:
    """Whether there was something to measure. Nobody knows the agreement of one noise."""
    return any(score["values"] or (score["left_out"] and measure != "agreement") for score in column.values())


def _table(name: str, columns: dict[str, Column]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    table.add_column(Text(name, "bold"), min_width=9)
    for heading in columns:
        table.add_column(heading, justify="right")
    methods = next(iter(columns.values()))
    first = next(iter(methods))
    table.add_row(Text("n", "dim"), *(_count(column[first]) for column in columns.values()))
    for method in methods:
        table.add_row(method.replace("_", "\n"), *(_cell(column[method]) for column in columns.values()))
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

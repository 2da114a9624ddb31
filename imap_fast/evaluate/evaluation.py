"""`Evaluation`: the result of an evaluation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from imap_fast.evaluate.journal import without_nan
from imap_fast.evaluate.localization import MEASURES, Row
from imap_fast.evaluate.when import AP, detections
from imap_fast.maps.kinds import BY_CONCEPT, MOTION_MAP, THING_MAP
from imap_fast.metrics.bootstrap import Estimate, estimate, estimate_mean_iou
from imap_fast.metrics.detection import Detections, estimate_mean_ap
from imap_fast.text.normalized import compared

MIOU = "miou"
"""Over classes, of their intersection over union in all clips together, as VSPW defines it."""

ESTIMATED = {**MEASURES, "class": (MIOU,), "event": (*AP,)}
"""The measures of each kind that have an estimate. Rows of classes and events hold what `MIOU` and `AP` are made of."""


@dataclass(frozen=True)
class Evaluation:
    """The scores of every clip, with means and confidence intervals.

    Attributes:
        rows: the rows of each clip, by its name; see `imap_fast.evaluate.localization.Row`. A clip without ground truth
            has none.
        failed: the reason for each clip that could not be evaluated, by its name.
        settings: the settings of the maps, as JSON values.
    """

    rows: dict[str, list[Row]]
    failed: dict[str, str]
    settings: dict[str, Any]

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that were measured.

        `by_concept` is among them if motions were: motions by `imap`, and objects, also all at once, by `gramcol`.
        """
        all_rows = [row for rows in self.rows.values() for row in rows]
        measured = tuple(dict.fromkeys(row["method"] for row in all_rows))
        has_motions = any(row["kind"] == "motion" for row in all_rows)
        return (*measured, BY_CONCEPT) if has_motions and {MOTION_MAP, THING_MAP} <= {*measured} else measured

    @property
    def measured(self) -> int:
        """The number of clips with ground truth."""
        return sum(bool(rows) for rows in self.rows.values())

    def estimates(self) -> dict[str, dict[str, dict[str, Estimate]]]:
        """The mean of each measure over concepts, or over clips or classes, with its confidence interval.

        Returns:
            `{kind: {measure: {method: estimate}}}`. docs/evaluation.md describes the measures.
        """
        return {
            kind: {
                measure: {method: self._estimate(kind, measure, method) for method in self.methods}
                for measure in measures
            }
            for kind, measures in ESTIMATED.items()
        }

    def _estimate(self, kind: str, measure: str, method: str) -> Estimate:
        clips = [[row for row in rows if row["kind"] == kind and _is_of(row, method)] for rows in self.rows.values()]
        if measure == MIOU:
            # What is only typed in another way in another clip is the same class.
            return estimate_mean_iou(
                [{compared(row["concept"]): (row["intersection"], row["union"]) for row in rows} for rows in clips]
            )
        if measure in AP:
            return estimate_mean_ap([_by_motion(rows) for rows in clips], AP[measure])
        return estimate([[row[measure] for row in rows] for rows in clips])

    def worst(self, count: int, method: str = "imap", measure: str = "spacetime_auc") -> dict[str, float]:
        """The clips with the lowest mean of a measure over their concepts, by name. The worst clip comes first."""
        means = {}
        for clip, rows in self.rows.items():
            values = [row[measure] for row in rows if _is_of(row, method) and row.get(measure, float("nan")) >= 0]
            if values:
                means[clip] = fmean(values)
        return dict(sorted(means.items(), key=lambda item: item[1])[:count])

    def record(self) -> dict[str, Any]:
        """Everything except the scores of single clips, as JSON values, with None for NaN."""
        return {
            "clips": {"measured": self.measured, "unmasked": len(self.rows) - self.measured, "failed": self.failed},
            "settings": self.settings,
            "metrics": {
                kind: {
                    measure: {method: without_nan(asdict(estimate)) for method, estimate in by_method.items()}
                    for measure, by_method in measures.items()
                }
                for kind, measures in self.estimates().items()
            },
        }


def _by_motion(rows: list[Row]) -> dict[str, Detections]:
    """The intervals of each motion of a clip. What is only typed in another way in another clip is the same motion."""
    labels = dict.fromkeys(compared(row["concept"]) for row in rows)
    return {label: detections([row for row in rows if compared(row["concept"]) == label]) for label in labels}


def _is_of(row: Row, method: str) -> bool:
    """Whether a row is one of a method. Those of `BY_CONCEPT` are rows of the two maps: nothing is measured again."""
    if method == BY_CONCEPT:
        method = MOTION_MAP if row["kind"] in ("motion", "event") else THING_MAP
    return row["method"] == method

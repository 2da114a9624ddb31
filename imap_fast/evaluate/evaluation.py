"""What an evaluation found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from imap_fast.evaluate.journal import without_nan
from imap_fast.evaluate.localization import MEASURES, Row
from imap_fast.metrics.bootstrap import Estimate, estimate


@dataclass(frozen=True)
class Evaluation:
    """The scores of every clip, and what they come to.

    Attributes:
        rows: of each clip, see `imap_fast.evaluate.localization.Row`; none of a clip without truths.
        failed: the clips that could not be evaluated, and why.
        settings: how the maps were made, as JSON holds it.
    """

    rows: dict[str, list[Row]]
    failed: dict[str, str]
    settings: dict[str, Any]

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that were measured."""
        return tuple(dict.fromkeys(row["method"] for rows in self.rows.values() for row in rows))

    @property
    def measured(self) -> int:
        """How many clips have truths."""
        return sum(bool(rows) for rows in self.rows.values())

    def estimates(self) -> dict[str, dict[str, dict[str, Estimate]]]:
        """Each measure's mean over concepts, with its confidence interval: `{kind: {measure: {method: estimate}}}`."""
        return {
            kind: {
                measure: {method: self._estimate(kind, measure, method) for method in self.methods}
                for measure in measures
            }
            for kind, measures in MEASURES.items()
        }

    def _estimate(self, kind: str, measure: str, method: str) -> Estimate:
        return estimate(
            [
                [row[measure] for row in rows if (row["kind"], row["method"]) == (kind, method)]
                for rows in self.rows.values()
            ]
        )

    def worst(self, count: int, method: str = "imap", measure: str = "spacetime_auc") -> dict[str, float]:
        """The clips with the lowest mean of a measure over their concepts, the worst first, and that mean."""
        means = {}
        for clip, rows in self.rows.items():
            told = [row[measure] for row in rows if row["method"] == method and row.get(measure, float("nan")) >= 0]
            if told:
                means[clip] = fmean(told)
        return dict(sorted(means.items(), key=lambda item: item[1])[:count])

    def record(self) -> dict[str, Any]:
        """All of it but the single clips' scores, as JSON holds it; None for what was left out."""
        return {
            "clips": {"measured": self.measured, "unmasked": len(self.rows) - self.measured, "failed": self.failed},
            "settings": self.settings,
            "metrics": {
                kind: {
                    measure: {method: without_nan(asdict(found)) for method, found in by_method.items()}
                    for measure, by_method in measures.items()
                }
                for kind, measures in self.estimates().items()
            },
        }

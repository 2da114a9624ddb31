"""`Comparison`: how two runs on one video compare, as plain numbers and as a page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from imap_fast.report.comparison import ComparisonData
from imap_fast.report.comparison_page import write_comparison


@dataclass(frozen=True)
class ComparedConcept:
    """How the maps of one concept compare. None is what nobody can say.

    Attributes:
        map: the name of the map that is compared.
        correlation: of the values in all patches and latent frames. None: one map is constant.
        iou: of the masks, over all frames. None: both masks are empty.
        temporal_iou: of the frames in which the concept is active. None: it is steady in one of the runs.
        agreement: how sure the map of the first run is: the correlation to expect with other repeats. None: there are
            no repeats.
        agreement_of_other: the same of the second run.
    """

    map: str
    correlation: float | None
    iou: float | None
    temporal_iou: float | None
    agreement: float | None
    agreement_of_other: float | None


@dataclass(frozen=True, eq=False)
class Comparison:
    """How two runs on one video compare; see `imap_fast.compare`. Index it by a label: `comparison["cat"].correlation`.

    Attributes:
        concepts: of both runs, by their labels.
        left_out: the labels that only the first run has, and those that only the second one has.
        settings: what differs between the settings of the runs, by name. None: a run does not have it.
        threshold: of the masks.
        names: of the two runs.
        page: what `report` shows.
    """

    concepts: Mapping[str, ComparedConcept]
    left_out: tuple[tuple[str, ...], tuple[str, ...]]
    settings: Mapping[str, tuple[Any, Any]]
    threshold: float | str
    names: tuple[str, str]
    page: ComparisonData = field(repr=False)

    def __getitem__(self, label: str) -> ComparedConcept:
        """How the maps of a concept compare.

        Raises:
            KeyError: the two runs do not share it.
        """
        if label not in self.concepts:
            raise KeyError(f"no concept {label!r} is in both runs; there are {', '.join(map(repr, self.concepts))}")
        return self.concepts[label]

    def record(self) -> dict[str, Any]:
        """All numbers, as JSON values."""
        return {
            "runs": list(self.names),
            "threshold": self.threshold,
            "concepts": {label: asdict(concept) for label, concept in self.concepts.items()},
            "left_out": [list(labels) for labels in self.left_out],
            "settings": {name: list(values) for name, values in self.settings.items()},
        }

    def report(self, path: str | os.PathLike) -> None:
        """Write one HTML page that needs no network: the video under the maps of both runs, side by side.

        Raises:
            ValueError: another suffix than .html, or a video that ends before its last frame.
            OSError: the folder cannot be written.
        """
        write_comparison(path, self.page)

"""What a report shows of maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imap_fast.maps.labelled import LabelledMaps
from imap_fast.maps.names import ALL_MAPS
from imap_fast.report.data import ReportData
from imap_fast.report.mask_files import ReportMasks


def report_data(maps: LabelledMaps, run: Mapping[str, Any], masks: ReportMasks | None = None) -> ReportData:
    """The maps of one video as a report shows them; `run` has further facts about the run."""
    return ReportData(
        maps={name: (maps.labels_of(name), maps.maps[name]) for name in ALL_MAPS if name in maps.maps},
        time=maps.time,
        layers=maps.layers,
        steps=maps.steps,
        head_score=maps.head_score,
        head_scores=maps.head_scores,
        selected_heads=maps.selected_heads,
        agreements=maps.agreements,
        seconds=maps.seconds,
        settings=maps.settings,
        run=run,
        shown_maps=maps.shown_maps(maps.labels, None),
        masks=masks,
    )

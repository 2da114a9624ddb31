"""What a report shows of maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imap_fast.maps.inside import InsideMaps
from imap_fast.maps.names import ALL_MAPS, CONTRASTED
from imap_fast.report.data import Inside, ReportData
from imap_fast.report.mask_files import ReportMasks
from imap_fast.text.part import is_head


def report_data(maps: InsideMaps, run: Mapping[str, Any], masks: ReportMasks | None = None) -> ReportData:
    """The maps of one video as a report shows them; `run` has further facts about the run."""
    labels = maps.shown_labels
    shown = maps.shown_maps(labels, None)
    names = [maps.default] if is_head(maps.settings) else ALL_MAPS
    return ReportData(
        maps={name: (maps.labels_of(name), maps.maps[name]) for name in names if name in maps.maps},
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
        shown_maps=None if shown is None or len(names) == 1 else dict(zip(labels, shown, strict=True)),
        masks=masks,
        inside=_inside(maps),
    )


def _inside(maps: InsideMaps) -> Inside | None:
    """What was kept. A single step that was kept is the map itself, and so is a single layer."""
    layers, steps = (
        known if axis in maps.keep and len(known) > 1 else ()
        for axis, known in (("layers", maps.layers), ("steps", maps.steps))
    )
    heads = {} if maps.single_heads is None else maps.by_head
    if not (layers or steps or heads):
        return None
    of_heads = [name for name in CONTRASTED if name in maps.maps]
    return Inside(layers, steps, maps.kept or {}, heads, of_heads)

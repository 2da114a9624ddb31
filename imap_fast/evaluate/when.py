"""How well the events of a clip find when its motions happen."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any

import numpy as np

from imap_fast.events.events import Events
from imap_fast.events.intervals import runs
from imap_fast.metrics.detection import Detections
from imap_fast.metrics.overlap import iou

WHEN = ("temporal_iou", "steady")
"""`temporal_iou`: of the frames in which a motion is found and those in which it is active. NaN: it is active always or
never, and a map does not tell the two apart. `steady`: whether such a motion has no event. NaN: another motion."""

OF_EVENTS = ("begin", "end", "confidence")
"""An interval of annotated frames. It is a given one if `confidence` is NaN, and otherwise a detected one."""

AP = {"ap30": 0.3, "ap50": 0.5, "ap70": 0.7}
"""Measures of average precision, with the temporal IoU from which on a detection is right."""


def when(
    events: Events, label: str, active: np.ndarray, annotated: np.ndarray
) -> tuple[dict[str, float], list[dict[str, float]]]:
    """The measures `WHEN` of one motion, and its intervals `OF_EVENTS`, which AP is made of.

    Args:
        events: of the clip.
        label: the motion.
        active: the annotated frames in which it happens, bool `[n]`.
        annotated: the numbers of these frames, ascending, `[n]`.

    Returns:
        The measures, and the intervals. There are none of a motion that is always or never active.
    """
    spans = [np.searchsorted(annotated, (span.start, span.stop)).tolist() for span in events.frames_of(label)]
    found = np.zeros(len(annotated), bool)
    for begin, end in spans:
        found[begin:end] = True
    if not 0 < active.sum() < len(active):
        return {"temporal_iou": nan, "steady": float(not spans) if len(active) else nan}, []
    given = [(run.start, run.stop, nan) for run in runs(active)]
    detected = [
        (begin, end, event.confidence)
        for (begin, end), event in zip(spans, events.of(label), strict=True)
        if begin < end  # else no frame of it is annotated
    ]
    intervals = [dict(zip(OF_EVENTS, map(float, each), strict=True)) for each in (*given, *detected)]
    return {"temporal_iou": iou(found, active), "steady": nan}, intervals


def detections(rows: Sequence[dict[str, Any]]) -> Detections:
    """The intervals of one motion in one clip."""
    return Detections(
        [(row["begin"], row["end"]) for row in rows if row["confidence"] != row["confidence"]],
        [((row["begin"], row["end"]), row["confidence"]) for row in rows if row["confidence"] == row["confidence"]],
    )

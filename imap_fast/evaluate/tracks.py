"""How well the maps of regions follow the points of a clip: the measures of TAP-Vid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from imap_fast.metrics.tracking import THRESHOLDS, TrackScores, queries, track_scores
from imap_fast.tracking.known import KnownPoints

if TYPE_CHECKING:
    from imap_fast.evaluate.example import Example
    from imap_fast.evaluate.reader import Reader

WITHIN = {threshold: f"within_{threshold}" for threshold in THRESHOLDS}

OF_TRACKS = (*WITHIN.values(), "within", "jaccard", "occlusion_accuracy")
"""δ at each threshold, in pixels, and their mean; average Jaccard; and occlusion accuracy. NaN: of nothing."""


def tracking(reader: Reader, example: Example) -> list[dict[str, Any]]:
    """The scores of the tracks of all points together, by each map of regions, in the picture that the model sees.

    Args:
        reader: of the model.
        example: a clip with points.

    Raises:
        ValueError: no point is visible there, or a map has values that are not finite.
    """
    clip, seen = example.clip, (reader.forward.height, reader.forward.width)
    own = clip.frames.shape[1:3]
    covered = KnownPoints(*example.points or ()).at(range(reader.frames_covered(clip)))
    places, visible = covered.seen(own, seen)
    points, frames = queries(visible, example.queries)
    if not len(points):
        raise ValueError("no point is visible in what the model sees of the clip; omit it")
    # A visible point may be a little outside of the picture. Its edge is marked.
    marked = covered.places[points, frames].clip(0, own[::-1])
    regions = {
        f"point {number}": (clip.start + frame / clip.fps, x, y)
        for number, (frame, (x, y)) in enumerate(zip(frames.tolist(), marked.tolist(), strict=True))
    }
    maps = reader.maps_of_regions(example, regions)
    rows = []
    for name in maps.maps:
        tracks = list(maps.tracks(map=name))
        found = np.stack([np.stack([track.x, track.y], axis=1) for track in tracks])
        claimed = np.array([track.visible for track in tracks])
        scores = track_scores(found, claimed, places[points], visible[points], frames, seen, example.queries)
        rows.append({"concept": None, "kind": "track", "method": name} | _measures(scores))
    return rows


def _measures(scores: TrackScores) -> dict[str, float]:
    return {WITHIN[threshold]: share for threshold, share in scores.within.items()} | {
        "within": scores.average_within,
        "jaccard": scores.average_jaccard,
        "occlusion_accuracy": scores.occlusion_accuracy,
    }

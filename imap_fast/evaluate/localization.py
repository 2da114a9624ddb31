"""How well the maps of a clip find its concepts: in space, in time, in both, as masks, events and a segmentation."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import Any

import numpy as np

from imap_fast.evaluate.example import Example, GroundTruth
from imap_fast.evaluate.segmentation import RUNS, segmentation
from imap_fast.evaluate.tracks import OF_TRACKS
from imap_fast.evaluate.when import OF_EVENTS, WHEN, when
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.metrics.boundary import boundary_f
from imap_fast.metrics.overlap import iou, otsu_threshold
from imap_fast.metrics.ranking import auc, best_iou, pointing
from imap_fast.text.words import BACKGROUND

Row = dict[str, Any]
"""The scores of one method on one concept: `concept`, `kind`, `method`, and the measures of the kind. NaN: not
defined."""

IN_SPACE = ("spatial_auc", "spatial_iou_best", "spatial_iou_otsu", "pointing")
IN_TIME = ("temporal_auc",)
IN_SPACE_AND_TIME = ("spacetime_auc", "spacetime_iou_best")

AS_MASKS = ("j", "f", "j_and_f")
"""Region similarity J, boundary accuracy F, and their mean, as DAVIS and MeViS define them."""

AGREEMENT = "agreement"
"""No measure against masks, but how sure the map is (docs/method.md). NaN: unknown."""

MEASURES = {
    "object": (*IN_SPACE, *IN_SPACE_AND_TIME, *AS_MASKS, AGREEMENT),
    "motion": (*IN_SPACE, *IN_TIME, *WHEN, *IN_SPACE_AND_TIME, *AS_MASKS, AGREEMENT),
    "segmentation": ("mean_iou", *RUNS),
    "class": ("intersection", "union"),
    "event": OF_EVENTS,
    "track": OF_TRACKS,
}
"""What the rows of each kind hold. "segmentation" is one row for all objects and the background together, and "class"
one for each of them, in pixels. "event" is one for each interval of a motion, and "track" one for all points."""


def localization(methods: Mapping[str, tuple[SaliencyMaps, str]], example: Example) -> list[Row]:
    """The scores of every method on every concept with ground truth, in the annotated frames, at their resolution.

    Pixels that are void do not count.

    Args:
        methods: the maps of the clip, and the name of one of them, for each method.
        example: the clip.

    Raises:
        ValueError: no annotated frame was read, or a map has values that are not finite.
    """
    rows: list[Row] = []
    for method, (maps, name) in methods.items():
        num_frames = maps.settings["video"]["num_frames"]
        annotated = example.annotated[example.annotated < num_frames]
        if not len(annotated):
            raise ValueError(
                f"the maps cover the first {num_frames} frames, and annotations begin at frame {example.annotated[0]}; "
                "annotate an earlier one"
            )
        height, width = example.clip.frames.shape[1:3]
        saliency = maps.upsample(num_frames, height, width, map=name)[:, annotated].numpy()
        if not np.isfinite(saliency).all():
            raise ValueError(f"the map {name} has values that are not finite; try another dtype")
        by_label = dict(zip(maps.labels_of(name), saliency, strict=True))
        motions = [truth.label for truth in example.truths if truth.kind == "motion"]
        events = maps.events(motions, name) if motions else None
        for truth in example.truths:
            row: Row = {"concept": truth.label, "kind": truth.kind, "method": method}
            agreement = nan if maps.agreements is None else maps.agreements[name][maps.index(truth.label, name)].item()
            scores = _scores(by_label[truth.label], truth, example.void) | {AGREEMENT: agreement}
            intervals: list[dict[str, float]] = []
            if events is not None and truth.active is not None:
                seen = [number for number, each in enumerate(_counted(saliency[0], example.void)) if each.any()]
                measures, intervals = when(events, truth.label, truth.active[seen], annotated[seen])
                scores |= measures
            rows.append(row | scores)
            rows += [row | {"kind": "event"} | interval for interval in intervals]
        objects = [truth for truth in example.truths if truth.kind == "object"]
        if objects and (len(objects) > 1 or BACKGROUND in by_label):
            scores, overlaps = segmentation(by_label, objects, _counted(saliency[0], example.void))
            rows.append({"concept": None, "kind": "segmentation", "method": method} | scores)
            for label, both in overlaps.items():
                row = {"concept": label, "kind": "class", "method": method}
                rows.append(row | dict(zip(MEASURES["class"], both, strict=True)))
    return rows


def _counted(saliency: np.ndarray, void: np.ndarray | None) -> np.ndarray:
    """The pixels that count, bool, of the shape of a map at the annotated frames."""
    return np.ones(saliency.shape, bool) if void is None else ~void[: len(saliency)]


def _scores(saliency: np.ndarray, truth: GroundTruth, void: np.ndarray | None) -> dict[str, float]:
    """The measures of one concept from its map at the annotated frames, fp32 `[n, H, W]`."""
    mask, counted = truth.mask[: len(saliency)], _counted(saliency, void)
    return _in_space(saliency, mask, counted) | over_time(saliency, truth, void) | _as_masks(saliency, mask, counted)


def over_time(saliency: np.ndarray, truth: GroundTruth, void: np.ndarray | None = None) -> dict[str, float]:
    """The measures of one concept over all frames together: `IN_SPACE_AND_TIME`, and `IN_TIME` of a motion.

    Args:
        saliency: the map of the concept at the annotated frames, fp32 `[n, H, W]`.
        truth: of at least as many frames.
        void: pixels that do not count, bool, of at least as many frames. None: there are none.
    """
    counted, scores = _counted(saliency, void), {}
    if truth.active is not None:
        # A frame that is void as a whole does not count.
        frames = [number for number, seen in enumerate(counted) if seen.any()]
        active = truth.active[frames]
        is_defined = 0 < active.sum() < len(active)
        means = np.array([saliency[number][counted[number]].mean() for number in frames])
        scores["temporal_auc"] = auc(means, active) if is_defined else nan
    values, inside = saliency[counted], truth.mask[: len(saliency)][counted]
    is_defined = 0 < inside.sum() < inside.size
    scores["spacetime_auc"] = auc(values, inside) if is_defined else nan
    scores["spacetime_iou_best"] = best_iou(values, inside) if is_defined else nan
    return scores


def _in_space(saliency: np.ndarray, mask: np.ndarray, counted: np.ndarray) -> dict[str, float]:
    """Means over the frames whose mask is neither empty nor full."""
    frames = [
        _in_frame(values[seen], inside[seen])
        for values, inside, seen in zip(saliency, mask, counted, strict=True)
        if 0 < inside[seen].sum() < seen.sum()
    ]
    if not frames:
        return dict.fromkeys(IN_SPACE, nan)
    return {
        measure: float(np.mean(values)) for measure, values in zip(IN_SPACE, zip(*frames, strict=True), strict=True)
    }


def _in_frame(values: np.ndarray, inside: np.ndarray) -> tuple[float, ...]:
    """The measures `IN_SPACE` of one frame."""
    otsu = iou(values >= otsu_threshold(values), inside)
    return auc(values, inside), best_iou(values, inside), otsu, pointing(values, inside)


def _as_masks(saliency: np.ndarray, mask: np.ndarray, counted: np.ndarray) -> dict[str, float]:
    """Means over all annotated frames, also those in which the concept is not.

    One threshold for the clip lets a frame be empty.
    """
    if not counted.any():
        return dict.fromkeys(AS_MASKS, nan)
    # As in the published code, void is background in both masks. That leaves it out of J.
    predicted, mask = (saliency >= otsu_threshold(saliency[counted])) & counted, mask & counted
    frames = [number for number, seen in enumerate(counted) if seen.any()]
    j = float(np.mean([iou(predicted[number], mask[number]) for number in frames]))
    f = float(np.mean([boundary_f(predicted[number], mask[number]) for number in frames]))
    return dict(zip(AS_MASKS, (j, f, (j + f) / 2), strict=True))

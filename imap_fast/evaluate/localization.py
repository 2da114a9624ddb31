"""How well the maps of a clip find its concepts: in space, in time, in both, and as a segmentation."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import Any

import numpy as np

from imap_fast.evaluate.example import BACKGROUND, Example, GroundTruth
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.metrics.overlap import iou, mean_iou, otsu_threshold
from imap_fast.metrics.ranking import auc, best_iou, pointing

Row = dict[str, Any]
"""The scores of one method on one concept: `concept`, `kind`, `method`, and the measures of the kind. NaN: not
defined."""

IN_SPACE = ("spatial_auc", "spatial_iou_best", "spatial_iou_otsu", "pointing")
IN_TIME = ("temporal_auc",)
IN_SPACE_AND_TIME = ("spacetime_auc", "spacetime_iou_best")

AGREEMENT = "agreement"
"""No measure against masks, but how sure the map is (docs/method.md). NaN: unknown."""

MEASURES = {
    "object": (*IN_SPACE, *IN_SPACE_AND_TIME, AGREEMENT),
    "motion": (*IN_SPACE, *IN_TIME, *IN_SPACE_AND_TIME, AGREEMENT),
    "segmentation": ("mean_iou",),
}
"""The measures of each kind of row. "segmentation" is one row for all objects and the background together."""


def localization(methods: Mapping[str, tuple[SaliencyMaps, str]], example: Example) -> list[Row]:
    """The scores of every method on every concept with ground truth, in the annotated frames, at their resolution.

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
        for truth in example.truths:
            row: Row = {"concept": truth.label, "kind": truth.kind, "method": method}
            agreement = nan if maps.agreements is None else maps.agreements[name][maps.index(truth.label, name)].item()
            rows.append(row | _scores(by_label[truth.label], truth) | {AGREEMENT: agreement})
        objects = [truth for truth in example.truths if truth.kind == "object"]
        if objects and BACKGROUND in by_label:
            row = {"concept": None, "kind": "segmentation", "method": method}
            rows.append(row | {"mean_iou": _segmentation(by_label, objects)})
    return rows


def _scores(saliency: np.ndarray, truth: GroundTruth) -> dict[str, float]:
    """The measures of one concept from its map at the annotated frames, fp32 `[n, H, W]`."""
    return _in_space(saliency, truth.mask[: len(saliency)]) | over_time(saliency, truth)


def over_time(saliency: np.ndarray, truth: GroundTruth) -> dict[str, float]:
    """The measures of one concept over all frames together: `IN_SPACE_AND_TIME`, and `IN_TIME` of a motion.

    Args:
        saliency: the map of the concept at the annotated frames, fp32 `[n, H, W]`.
        truth: of at least as many frames.
    """
    mask, scores = truth.mask[: len(saliency)], {}
    if truth.active is not None:
        active = truth.active[: len(saliency)]
        is_defined = 0 < active.sum() < len(active)
        scores["temporal_auc"] = auc(saliency.mean((1, 2)), active) if is_defined else nan
    is_defined = 0 < mask.sum() < mask.size
    scores["spacetime_auc"] = auc(saliency, mask) if is_defined else nan
    scores["spacetime_iou_best"] = best_iou(saliency, mask) if is_defined else nan
    return scores


def _in_space(saliency: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Means over the frames whose mask is neither empty nor full."""
    frames = [(values, inside) for values, inside in zip(saliency, mask, strict=True) if 0 < inside.sum() < inside.size]
    if not frames:
        return dict.fromkeys(IN_SPACE, nan)
    return {
        "spatial_auc": float(np.mean([auc(*frame) for frame in frames])),
        "spatial_iou_best": float(np.mean([best_iou(*frame) for frame in frames])),
        "spatial_iou_otsu": float(np.mean([iou(each >= otsu_threshold(each), inside) for each, inside in frames])),
        "pointing": float(np.mean([pointing(*frame) for frame in frames])),
    }


def _segmentation(saliency: dict[str, np.ndarray], objects: list[GroundTruth]) -> float:
    """Mean IoU if each pixel is assigned to the object, or the background, with the highest map."""
    labels = [BACKGROUND, *(truth.label for truth in objects)]
    predicted = np.stack([saliency[label] for label in labels]).argmax(0)
    truth = np.zeros_like(predicted)
    for number, each in enumerate(objects, 1):
        truth[each.mask[: len(truth)]] = number
    return mean_iou(predicted, truth)

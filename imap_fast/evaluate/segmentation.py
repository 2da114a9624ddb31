"""How well the maps of a clip part it into its objects and the background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan

import numpy as np

from imap_fast.evaluate.example import GroundTruth
from imap_fast.metrics.consistency import video_consistency
from imap_fast.metrics.overlap import mean_iou, overlaps
from imap_fast.text.words import BACKGROUND

RUNS = {"mvc8": 8, "mvc16": 16}
"""The measures of consistency, each with the number of annotated frames of a run."""

Overlaps = dict[str, tuple[float, float]]
"""The intersection and the union of each class of a clip, in pixels of all annotated frames."""


def segmentation(
    saliency: Mapping[str, np.ndarray], objects: Sequence[GroundTruth], counted: np.ndarray
) -> tuple[dict[str, float], Overlaps]:
    """What is measured if each pixel goes to the highest map.

    `mean_iou` is of the objects and the background. All else is of the classes of the clip, which are the objects, and
    the background if it is in the clip: a benchmark that labels every pixel has no such class.

    Args:
        saliency: the map of each concept at the annotated frames, fp32 `[n, H, W]`.
        objects: their ground truth, of at least as many frames. Of two that overlap, the later one has the pixel.
        counted: the pixels that count, bool `[n, H, W]`.

    Returns:
        `mean_iou` and the measures of `RUNS`, NaN where they are not defined, and the overlaps of each class. There are
        no overlaps if the clip has fewer than two classes, since nothing is to be told apart then.
    """
    labels = [BACKGROUND, *(truth.label for truth in objects)]
    truth = np.zeros(counted.shape, np.int32)
    for number, each in enumerate(objects, 1):
        truth[each.mask[: len(truth)]] = number
    scores = {"mean_iou": nan, **dict.fromkeys(RUNS, nan)}
    if BACKGROUND in saliency:
        predicted = _highest([saliency[label] for label in labels])
        both = overlaps(predicted[counted], truth[counted], len(labels))
        scores["mean_iou"] = mean_iou(*both)
    has_background = BACKGROUND in saliency and (truth[counted] == 0).any()
    first = 0 if has_background else 1
    if len(labels) - first < 2:
        return scores, {}
    if not has_background:
        predicted = 1 + _highest([saliency[label] for label in labels[1:]])
        counted = counted & (truth > 0)
        both = overlaps(predicted[counted], truth[counted], len(labels))
    scores |= dict(zip(RUNS, video_consistency(predicted, truth, counted, tuple(RUNS.values())), strict=True))
    of_class = zip(*(each.astype(float).tolist()[first:] for each in both), strict=True)
    return scores, dict(zip(labels[first:], of_class, strict=True))


def _highest(maps: list[np.ndarray]) -> np.ndarray:
    """The number of the highest map at each pixel, int32 `[n, H, W]`. Among equals, it is the first."""
    return np.stack([np.argmax(frame, axis=0).astype(np.int32) for frame in zip(*maps, strict=True)])

"""How far a map is above the threshold of its concept, on the concept's own scale over the clip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from imap_fast.masks.threshold import OTSU, OTSU_TWICE, Threshold
from imap_fast.metrics.overlap import otsu_threshold
from imap_fast.render.heatmap import MOST_FRAMES, heat_scales

APART = 0.4
"""The upper part of a clip is parted once more if its two parts are this much as far apart as the first two."""

BELOW = -1.0
"""The score of what is in no mask, whatever its value is."""


class Scale(NamedTuple):
    """The scale of one concept.

    Attributes:
        threshold: a value from there on is in the mask.
        span: the length of the scale that heatmaps have. 0: the map is constant, and has no mask.
        hottest: the score of the highest value.
    """

    threshold: float
    span: float
    hottest: float


def scales_of(values: Sequence[Tensor], threshold: Threshold) -> list[Scale]:
    """The scale of each concept, from its values in all patches of the clip.

    A long video is sampled at evenly spaced latent frames, so that memory does not grow with its length.

    Args:
        values: of the C concepts, finite fp32 `[F, H, W]` each.
        threshold: from `check_threshold`. Otsu's parts the patches of the clip in two with the largest variance between
            them; the second time, the upper part. A percentile leaves that share of the patches below.
    """
    step = math.ceil(len(values[0]) / MOST_FRAMES)
    ends = heat_scales(values)
    return [
        Scale(0.0, 0.0, 0.0) if each is None else _scale(concept[::step].numpy(), *each, threshold)
        for concept, each in zip(values, ends, strict=True)
    ]


def _scale(values: np.ndarray, cold: float, hottest: float, threshold: Threshold) -> Scale:
    span = float(hottest - cold)
    if threshold == OTSU:
        value = otsu_threshold(values)
    elif threshold == OTSU_TWICE:
        value = _otsu_twice(values)
    elif isinstance(threshold, str):
        value = float(np.percentile(values, float(threshold.rstrip("%"))))
        if value == values.min() and threshold != "0%":  # many patches have the lowest value, and none is hot
            value = float(values[values > value].min())
    else:
        value = cold + threshold * span
    return Scale(value, span, (float(values.max()) - value) / span)


def _otsu_twice(values: np.ndarray) -> float:
    """Otsu's threshold of the upper part, if its parts are clearly apart. Otherwise the first one cut out an object."""
    once = otsu_threshold(values)
    upper = values[values >= once]
    twice = otsu_threshold(upper)
    if not (values < once).any() or not (upper < twice).any():
        return once
    first = upper.mean() - values[values < once].mean()
    second = upper[upper >= twice].mean() - upper[upper < twice].mean()
    return twice if second >= APART * first else once


def scores_of(values: Sequence[Tensor] | Tensor, scales: list[Scale]) -> Tensor:
    """How far each value is above the threshold of its concept, on its own scale: fp32 `[C, …]` of the same shape.

    From 0 on it is in the mask. A constant map is `BELOW`.
    """
    scores = [
        (concept - scale.threshold) / scale.span if scale.span else torch.full_like(concept, BELOW)
        for concept, scale in zip(values, scales, strict=True)
    ]
    return torch.stack(scores)

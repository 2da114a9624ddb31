"""Which parts of a map are in its mask: connected regions of space and time, not single frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from imap_fast.masks.scale import BELOW, Scale, scores_of

PEAK = 0.5
"""A region is kept if it is hot somewhere: this share of the way from the threshold to the hottest value of the concept
(hysteresis)."""

SMALLEST = 4
"""A region is kept if it has this many patches, counted in all latent frames."""

_TOUCHING = np.ones((3, 3, 3), bool)
"""Patches touch at corners, too, and in time. So no point between the centres of patches is between two regions."""


def dropped(values: Sequence[Tensor], scales: list[Scale], shots: Iterable[slice]) -> np.ndarray:
    """The patches above the threshold whose region is nowhere hot, or too small: bool `[C, F, H, W]`.

    A region does not pass a cut. Maps may be on disk: one concept of one shot is in memory at a time.

    Args:
        values: of the C concepts, fp32 `[F, H, W]` each.
        scales: of the concepts.
        shots: the latent frames of each shot.
    """
    result = np.zeros((len(values), *values[0].shape), bool)
    for concept, scale, regions in zip(values, scales, result, strict=True):
        peak = PEAK * scale.hottest
        for shot in shots:
            score = scores_of(concept[None, shot], [scale])[0].numpy()
            regions[shot] = _dropped_in_shot(score, peak)
    return result


def _dropped_in_shot(score: np.ndarray, peak: float) -> np.ndarray:
    """The same of one concept in one shot, whose scores are `[F, H, W]`."""
    inside = score >= 0
    numbers, count = ndimage.label(inside, _TOUCHING)
    if not count:
        return inside
    hottest = ndimage.maximum(score, numbers, np.arange(count + 1))
    is_dropped = (np.bincount(numbers.ravel(), minlength=count + 1) < SMALLEST) | (hottest < peak)
    is_dropped[0] = False
    return is_dropped[numbers]


def without(scores: Tensor, regions: np.ndarray) -> Tensor:
    """Scores that are `BELOW` in the dropped regions."""
    return scores.masked_fill(torch.from_numpy(regions), BELOW)

"""How much the maps, masks and events of two runs agree. None is what nobody can say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from imap_fast.events.events import Events
from imap_fast.maps.agreement import CONSTANT
from imap_fast.masks.values import MaskValues
from imap_fast.metrics.overlap import iou


def correlation(one: Tensor, other: Tensor) -> float | None:
    """Pearson's correlation of two maps over all of their values. None: one is constant, or there is no value.

    Args:
        one: fp64 of any shape.
        other: the same shape.
    """
    if not one.numel():
        return None
    deviations = []
    for values in (one, other):
        deviation = values - values.mean()
        if deviation.square().mean() <= CONSTANT * values.square().mean():
            return None
        deviations.append(deviation)
    first, second = deviations
    product = (first * second).sum() / (first.square().sum() * second.square().sum()).sqrt()
    return product.clamp(-1, 1).item()


def mask_iou(one: MaskValues, other: MaskValues, rows: slice, columns: slice) -> float | None:
    """The intersection over union of the masks of one concept, over all frames. None: both are empty.

    Args:
        one: masks of one concept.
        other: masks of the same frames and size.
        rows: that are counted.
        columns: that are counted.
    """
    shared = either = 0
    for frame, of_other in zip(one.frames(), other.frames(), strict=True):
        first, second = frame.masks[0, rows, columns], of_other.masks[0, rows, columns]
        shared += int((first & second).sum())
        either += int((first | second).sum())
    return shared / either if either else None


def temporal_iou(one: Events, other: Events, label: str) -> float | None:
    """The intersection over union of the frames in which a concept is active. None: it is steady in one of the runs."""
    if label in one.steady or label in other.steady:
        return None
    return iou(_active(one.frames_of(label), one.num_frames), _active(other.frames_of(label), other.num_frames))


def _active(spans: Sequence[range], num_frames: int) -> np.ndarray:
    active = np.zeros(num_frames, bool)
    for span in spans:
        active[span.start : span.stop] = True
    return active

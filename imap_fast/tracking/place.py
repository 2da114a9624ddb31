"""The place of a region in each latent frame, finer than a patch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from torch import Tensor

from imap_fast.render.heatmap import FLAT

RADIUS = 3
"""Patches on each side of the hottest one whose mean place is taken. A smaller window cuts off the far side of what is
wider, and a larger one reaches what is not the region."""

TEMPERATURE = 0.2
"""Of the softmax, as a share of the contrast. Lower, and places stick to the centres of patches; higher, and the
background of the window pulls them there."""

HOTTEST = 0.03
"""The share of hottest patches by which a frame is judged. A marked patch is more like itself than it will ever be like
another one, so the hottest one alone says little of other frames."""

VISIBLE = 0.7
"""The confidence from which on a region is visible. Chosen with `HOTTEST` on validation clips of the demo world, where
the cosine of the demo model's features, less their mean, has to tell a clip with the object from another clip."""


class Places(NamedTuple):
    """The place of a region in each latent frame.

    Attributes:
        x: from the left edge of the map, in patches, fp64 `[F]`. The centre of the first patch is at 0.5.
        y: from its upper edge.
        confidence: how much the hottest patches stand out, as a share of how much they do where the region was marked,
            fp64 `[F]` in [0, 1].
    """

    x: np.ndarray
    y: np.ndarray
    confidence: np.ndarray


def places(values: Tensor, own: int | None = None) -> Places:
    """Find a region in each latent frame: the mean place around the hottest patch, weighted by a softmax.

    All is measured from the median of the frame, its background, and as a share of a difference, so neither the unit of
    a map nor its zero matters. Of equally hot patches, the first one, row by row, has the window around it.

    Args:
        values: how much each patch is like the region, `[F, H, W]`.
        own: the latent frame in which it was marked. None: that whose hottest patches stand out most.

    Raises:
        ValueError: `values` are not such a map, or not finite, or `own` is none of its latent frames.
    """
    if values.ndim != 3 or 0 in values.shape:
        raise ValueError(f"the map of a region has the shape {list(values.shape)}; give [F, H, W]")
    if own is not None and own not in range(len(values)):
        raise ValueError(f"own={own} is no latent frame; there are 0 to {len(values) - 1}")
    if not values.isfinite().all():
        raise ValueError("a map has values that are not finite; run the model in another dtype")
    frames = [_above_background(frame) for frame in values.double().cpu().numpy()]
    x, y = np.array([_place(frame) for frame in frames]).T
    hottest = max(1, round(HOTTEST * frames[0].size))
    out = np.array([np.sort(frame, axis=None)[-hottest:].mean() for frame in frames])
    most = out.max() if own is None else out[own]
    return Places(x, y, (out / most).clip(0, 1) if most > 0 else np.zeros(len(out)))


def _above_background(frame: np.ndarray) -> np.ndarray:
    """How far each patch is above the median. All 0 if no more than rounding is."""
    above = frame - np.median(frame)
    return above if above.max() > FLAT * np.abs(frame).max() else np.zeros_like(frame)


def _place(above: np.ndarray) -> tuple[float, float]:
    row, column = np.unravel_index(above.argmax(), above.shape)
    contrast = above[row, column]
    if not contrast:
        return float(column) + 0.5, float(row) + 0.5
    top, left = max(row - RADIUS, 0), max(column - RADIUS, 0)
    window = above[top : row + RADIUS + 1, left : column + RADIUS + 1]
    weights = np.exp((window / contrast - 1) / TEMPERATURE)
    weights /= weights.sum()
    rows, columns = np.indices(window.shape) + 0.5
    return float(left + (weights * columns).sum()), float(top + (weights * rows).sum())

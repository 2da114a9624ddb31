"""How well tracks follow points: the measures of TAP-Vid (Doersch et al. 2022).

Places are (x, y) in raster coordinates: x goes right and y down from the upper left corner of the picture, so the
centre of its first pixel is at (0.5, 0.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

SIDE = 256
"""Distances are measured in a picture of this height and width, whatever the size of the video."""

THRESHOLDS = (1, 2, 4, 8, 16)
"""A place is right if it is nearer than this, in pixels of that picture."""

STRIDE = 5
"""Frames from one query to the next of the mode "strided"."""

MODES = ("first", "strided")
"""Where queries are: at the first frame in which a point is visible, or at each `STRIDE`-th one in which it is. In
both, the frame of the query is not measured, and in "first" no frame before it."""


@dataclass(frozen=True)
class TrackScores:
    """How well the tracks of a clip follow their points. A share of nothing is not a number.

    Attributes:
        within: the share of the visible places that are nearer than each threshold, whether or not the track says that
            the point is visible.
        jaccard: true positives over true and false positives and false negatives, at each threshold. A place that is
            visible, and is said to be visible far from there, counts as a false positive and as a false negative.
        occlusion_accuracy: the share of all places of which the track is right about whether they are visible.
    """

    within: Mapping[int, float]
    jaccard: Mapping[int, float]
    occlusion_accuracy: float

    @property
    def average_within(self) -> float:
        """The mean over the thresholds, δ."""
        return float(np.mean(list(self.within.values())))

    @property
    def average_jaccard(self) -> float:
        """The mean over the thresholds, AJ."""
        return float(np.mean(list(self.jaccard.values())))


def queries(visible: np.ndarray, mode: str) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the points that are asked for, and the frame of each query, int64 `[Q]` each.

    Args:
        visible: whether each point is visible in each frame, bool `[N, T]`. One that never is has no query.
        mode: of `MODES`.
    """
    _check_mode(mode)
    if mode == "first":
        (points,) = visible.any(1).nonzero()
        return points, visible[points].argmax(1)
    frames, points = visible[:, ::STRIDE].T.nonzero()
    return points, frames * STRIDE


def measured_frames(frames: np.ndarray, num_frames: int, mode: str) -> np.ndarray:
    """The frames in which each query is measured, bool `[Q, T]`: not its own, and in "first" none before it.

    Args:
        frames: of the queries, `[Q]`.
        num_frames: T, of the clip.
        mode: of `MODES`.
    """
    _check_mode(mode)
    number = np.arange(num_frames)
    return number > frames[:, None] if mode == "first" else number != frames[:, None]


def track_scores(
    found: np.ndarray,
    found_visible: np.ndarray,
    truth: np.ndarray,
    visible: np.ndarray,
    frames: np.ndarray,
    size: tuple[int, int],
    mode: str,
) -> TrackScores:
    """Measure the tracks of Q queries of one clip. The measures of a data set are the means over its clips.

    Args:
        found: the tracks, `[Q, T, 2]`. A value that is not finite is far from everything.
        found_visible: whether they say that the point is visible, bool `[Q, T]`.
        truth: where the point is, `[Q, T, 2]`.
        visible: whether it is visible, bool `[Q, T]`.
        frames: of the queries, `[Q]`; see `queries`.
        size: height and width of the video, in pixels.
        mode: of `MODES`.

    Raises:
        ValueError: arrays do not fit each other, or an unknown mode.
    """
    _check_mode(mode)
    kinds = found.shape, found_visible.shape, visible.shape, frames.shape, found_visible.dtype, visible.dtype
    if kinds != (truth.shape, truth.shape[:2], truth.shape[:2], truth.shape[:1], bool, bool):
        raise ValueError(
            f"tracks {found.shape} and {found_visible.shape} {found_visible.dtype} do not fit points {truth.shape} and "
            f"{visible.shape} {visible.dtype} of {frames.shape} queries; give [Q, T, 2] and bool [Q, T] of [Q]"
        )
    counted = measured_frames(frames, truth.shape[1], mode)
    height, width = size
    squared = np.square((found - truth) * (SIDE / width, SIDE / height)).sum(-1)
    shown, claimed = visible & counted, found_visible & counted
    within, jaccard = {}, {}
    for threshold in THRESHOLDS:
        right = shown & (squared < threshold**2)
        within[threshold] = _share(right.sum(), shown.sum())
        hits, false = (right & claimed).sum(), (claimed & ~right).sum()
        jaccard[threshold] = _share(hits, shown.sum() + false)
    return TrackScores(within, jaccard, _share(((found_visible == visible) & counted).sum(), counted.sum()))


def _check_mode(mode: str) -> None:
    if mode not in MODES:
        raise ValueError(f"the query mode is {mode!r}; give one of {', '.join(MODES)}")


def _share(part: np.integer, whole: np.integer) -> float:
    return float(part / whole) if whole else float("nan")

"""How well detected intervals find given ones: average precision at a temporal IoU, as in ActivityNet and THUMOS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from imap_fast.metrics.bootstrap import INTERVAL, RESAMPLES, Estimate

Interval = tuple[float, float]
"""The begin and the end."""


@dataclass(frozen=True)
class Detections:
    """The intervals of one class in one clip.

    Attributes:
        truths: the given ones.
        found: the detected ones, each with its confidence.
    """

    truths: Sequence[Interval]
    found: Sequence[tuple[Interval, float]]

    def hits(self, least: float) -> list[bool]:
        """Whether each detection is right, in the order of `found`.

        The most confident one is the first to choose: of the given intervals that are free, it takes the one that it
        overlaps most, if their IoU is at least `least`. Of equally confident ones, the first comes first.
        """
        hits, free = [False] * len(self.found), list(self.truths)
        for number in sorted(range(len(self.found)), key=lambda number: -self.found[number][1]):
            overlaps = [interval_iou(self.found[number][0], truth) for truth in free]
            if overlaps and max(overlaps) >= least:
                free.pop(overlaps.index(max(overlaps)))
                hits[number] = True
        return hits


def interval_iou(one: Interval, other: Interval) -> float:
    """Intersection over union of two intervals that are not empty."""
    shared = max(min(one[1], other[1]) - max(one[0], other[0]), 0.0)
    return shared / (one[1] - one[0] + other[1] - other[0] - shared)


def estimate_mean_ap(clips: Sequence[Mapping[str, Detections]], least: float, *, seed: int = 0) -> Estimate:
    """The mean over classes of their average precision over all clips, with an interval as of `estimate_mean_iou`.

    Args:
        clips: the intervals of each class in each clip. A class counts if it has a given interval in any clip, and a
            clip if it has one of any class.
        least: the temporal IoU from which on a detection is right.
        seed: seed of the resampling.
    """
    clips = [clip for clip in clips if any(each.truths for each in clip.values())]
    classes = dict.fromkeys(label for clip in clips for label, each in clip.items() if each.truths)
    times = np.ones((1, len(clips)))
    if len(clips) > 1:
        rng = np.random.default_rng(seed)
        drawn = rng.integers(len(clips), size=(RESAMPLES, len(clips)))
        times = np.concatenate([times, [np.bincount(draw, minlength=len(clips)) for draw in drawn]])
    total, weight = np.zeros(len(times)), np.zeros(len(times))
    for label in classes:
        of_class = [clip.get(label, Detections((), ())) for clip in clips]
        share = times @ np.array([bool(each.truths) for each in of_class])
        share /= sum(bool(each.truths) for each in of_class)
        total += share * np.nan_to_num(_average_precision(of_class, least, times))
        weight += share
    if not classes:
        return Estimate(np.nan, np.nan, np.nan, 0, 0, 0)
    means = np.divide(total, weight, out=np.full(len(times), np.nan), where=weight > 0)
    low, high = map(float, np.nanpercentile(means[1:], INTERVAL)) if len(clips) > 1 else (np.nan, np.nan)
    return Estimate(float(means[0]), low, high, len(classes), len(clips), 0)


def _average_precision(clips: Sequence[Detections], least: float, times: np.ndarray) -> np.ndarray:
    """The area under the precision of one class over its recall, `[R]`, where precision is the highest one from a
    recall on.

    Args:
        clips: the intervals of the class in each of N clips.
        least: as in `estimate_mean_ap`.
        times: how often each clip is drawn, `[R, N]`.
    """
    ranked = sorted(
        (-confidence, number, hit)
        for number, clip in enumerate(clips)
        for (_, confidence), hit in zip(clip.found, clip.hits(least), strict=True)
    )
    truths = times @ np.array([len(clip.truths) for clip in clips])
    drawn = times[:, [number for _, number, _ in ranked]]
    right = np.cumsum(drawn * [hit for *_, hit in ranked], axis=1)
    claimed = np.cumsum(drawn, axis=1)
    precision = np.divide(right, claimed, out=np.zeros_like(right), where=claimed > 0)
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    gained = np.diff(right, axis=1, prepend=0)
    return np.divide((gained * precision).sum(1), truths, out=np.full(len(times), np.nan), where=truths > 0)

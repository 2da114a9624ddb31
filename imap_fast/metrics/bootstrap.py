"""Confidence intervals of means over clips, by the bootstrap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
"""The number of resampled means."""

INTERVAL = 2.5, 97.5
"""The percentiles of the resampled means at the ends of the interval."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % confidence interval.

    Attributes:
        mean: over all values; NaN if there are none.
        low: lower end of the interval; NaN for a single clip.
        high: upper end of the interval; NaN for a single clip.
        values: the number of values. That of a mean over classes is the number of classes.
        clips: the number of clips with values.
        left_out: the number of values that were NaN.
    """

    mean: float
    low: float
    high: float
    values: int
    clips: int
    left_out: int


def estimate(values: Sequence[Sequence[float]], *, seed: int = 0) -> Estimate:
    """The mean of all values, with an interval by the percentile bootstrap over clips.

    The values of a clip are not independent, so whole clips are resampled.

    Args:
        values: the values of each clip. NaN is ignored.
        seed: seed of the resampling.
    """
    clips = [np.asarray(clip, np.float64) for clip in values]
    counts = np.array([np.isfinite(clip).sum() for clip in clips])
    sums = np.array([np.nansum(clip) for clip in clips])[counts > 0]
    left_out = sum(map(len, clips)) - int(counts.sum())
    counts = counts[counts > 0]
    mean = float(sums.sum() / counts.sum()) if len(counts) else np.nan
    low = high = np.nan
    if len(counts) > 1:
        drawn = np.random.default_rng(seed).integers(len(counts), size=(RESAMPLES, len(counts)))
        low, high = map(float, np.percentile(sums[drawn].sum(1) / counts[drawn].sum(1), INTERVAL))
    return Estimate(mean, low, high, int(counts.sum()), len(counts), left_out)


def estimate_mean_iou(overlaps: Sequence[Mapping[str, tuple[float, float]]], *, seed: int = 0) -> Estimate:
    """The mean over classes of their intersection over union in all clips together, with an interval as of `estimate`.

    Args:
        overlaps: the intersection and the union of each class of a clip, for each clip. A class without union in any
            clip is left out.
        seed: seed of the resampling.
    """
    clips = [clip for clip in overlaps if any(union for _, union in clip.values())]
    numbers = {
        label: number for number, label in enumerate(dict.fromkeys(label for clip in overlaps for label in clip))
    }
    entries = np.array(
        [
            (numbers[label], number, *both)
            for number, clip in enumerate(clips)
            for label, both in clip.items()
            if both[1]  # else neither the truth nor the map has the class in this clip
        ]
    ).reshape(-1, 4)
    (of_class, of_clip), (intersections, unions) = entries[:, :2].T.astype(np.int64), entries[:, 2:].T

    def mean(times: np.ndarray) -> float:
        """The mean IoU if each clip occurs so many times.

        A class has the weight of how often its clips are drawn, so that classes of a single clip do not vanish beside
        those of every clip.
        """
        drawn = times[of_clip]
        weights = np.bincount(of_class, drawn)
        is_drawn = weights > 0
        ious = np.bincount(of_class, drawn * intersections)[is_drawn] / np.bincount(of_class, drawn * unions)[is_drawn]
        return float(np.average(ious, weights=weights[is_drawn] / np.bincount(of_class)[is_drawn]))

    num_classes, low, high = len(np.unique(of_class)), np.nan, np.nan
    if len(clips) > 1:
        rng = np.random.default_rng(seed)
        draws = (np.bincount(rng.integers(len(clips), size=len(clips)), minlength=len(clips)) for _ in range(RESAMPLES))
        low, high = map(float, np.percentile([mean(draw) for draw in draws], INTERVAL))
    value = mean(np.ones(len(clips))) if clips else np.nan
    return Estimate(value, low, high, num_classes, len(clips), len(numbers) - num_classes)

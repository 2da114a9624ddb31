"""Confidence intervals of means over clips, by the bootstrap."""

from collections.abc import Sequence
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
        values: the number of values.
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

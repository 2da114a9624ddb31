"""A mean over clips, and how far it can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
INTERVAL = 2.5, 97.5
"""Percentiles."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % confidence interval; NaN where there is nothing to tell it from.

    Attributes:
        mean: over all values.
        low, high: the interval; NaN of a single clip.
        values, clips: how many there are.
        left_out: how many values were NaN.
    """

    mean: float
    low: float
    high: float
    values: int
    clips: int
    left_out: int


def estimate(values: Sequence[Sequence[float]], *, seed: int = 0) -> Estimate:
    """The mean of all values, with the percentile bootstrap over whole clips.

    A clip's values are not independent of each other, so clips are drawn, not values.

    Args:
        values: of each clip, as many as it has; NaN is left out.
        seed: of the draw.
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

"""The two levels of a curve over time, and the switches between them."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, log, sqrt
from typing import NamedTuple

import numpy as np

SWITCH = 3
"""The parameters of a switch: its place, and that it is the best of many. With 3, about three in a hundred curves of 13
values of white noise have two levels, and with 1, four in five."""

FEWEST = 2 + SWITCH + 1
"""Latent frames of the shortest curve that is judged. A switch between two levels leaves nothing over of fewer."""

FLAT = 1e-5
"""A range below this share of the values is a rounding error, as in `imap_fast.render.heatmap`."""

LEAST_NOISE = 1e-6
"""The least standard deviation of the noise, as a share of the range. Below it, fp32 rounds."""

SPLITS = NOISES = 8
"""The number of first pairs of levels, and of first strengths of the noise, that the search begins with."""

MOST_ROUNDS = 100
"""The largest number of rounds of the search. It stands still after a few."""


class Levels(NamedTuple):
    """A curve as two levels.

    Attributes:
        active: whether each latent frame is on the higher level, bool `[F]`.
        low: the lower level, in the unit of the curve.
        high: the higher level.
        noise: the standard deviation of the curve around its levels.
    """

    active: np.ndarray
    low: float
    high: float
    noise: float


def two_levels(curve: np.ndarray, begins: Sequence[int] = (0,)) -> Levels | None:
    """The two levels of a curve, if they explain it better than one level does.

    What is least is the Bayesian information criterion (BIC), with noise of one unknown strength: F log(noise²) plus
    log F for each parameter. For the noise of the last round it falls if the squared error plus a fixed penalty for
    each switch falls, and the switches that are best for two levels are found by dynamic programming. So both
    alternate until nothing changes.

    Args:
        curve: finite values `[F]`.
        begins: the first latent frame of each shot. A switch there is free, and each shot counts as a parameter.

    Returns:
        The levels. None: one level is as good, or there are fewer than `FEWEST` latent frames.
    """
    values = np.asarray(curve, np.float64)
    if len(values) < FEWEST:
        return None
    bottom, extent = values.min(), values.max() - values.min()
    if extent <= FLAT * np.abs(values).max():
        return None
    scaled = (values - bottom) / extent
    is_free = np.zeros(len(values), bool)
    is_free[list(begins)] = True
    found = _search(scaled, is_free)
    # Of equally good ones, that with fewer active frames, whatever is rounded.
    best = min(found, key=lambda active: (round(_bic(scaled, active, is_free), 6), active.sum()), default=None)
    one = len(values) * log(_noise(scaled, np.zeros(len(values), bool)) ** 2) + log(len(values))
    if best is None or _bic(scaled, best, is_free) >= one:
        return None
    low, high = (bottom + extent * _mean(scaled[level]) for level in (~best, best))
    return Levels(best, float(low), float(high), float(extent * _noise(scaled, best)))


def _search(values: np.ndarray, is_free: np.ndarray) -> list[np.ndarray]:
    """The different states, bool `[F]` each with both levels, at which the search stands still."""
    ordered = np.sort(values)
    places = np.unique(np.linspace(1, len(values) - 1, SPLITS).round().astype(int))
    low, high = np.array([[ordered[:place].mean(), ordered[place:].mean()] for place in places]).repeat(NOISES, 0).T
    variance = np.tile(values.var() * 4.0 ** -np.arange(NOISES), len(places))
    states = _with_both(_best_states(values, low, high, variance, is_free))
    for _ in range(MOST_ROUNDS):
        fits = [(_mean(values[~state]), _mean(values[state]), _noise(values, state) ** 2) for state in states]
        low, high, variance = np.array(fits).reshape(-1, 3).T
        after = _best_states(values, low, high, variance, is_free)
        if (after == states).all():
            break
        states = _with_both(after)
    return list(states)


def _with_both(states: np.ndarray) -> np.ndarray:
    """The different ones among `states` that have both levels."""
    states = np.unique(states, axis=0)
    return states[states.any(1) & ~states.all(1)]


def _best_states(
    values: np.ndarray, low: np.ndarray, high: np.ndarray, variance: np.ndarray, is_free: np.ndarray
) -> np.ndarray:
    """For each of S pairs of levels, the states with the least squared error and penalty, bool `[S, F]`.

    Args:
        values: `[F]`.
        low: the lower levels, `[S]`.
        high: the higher levels, `[S]`.
        variance: of the noise, `[S]`. A switch costs it, `SWITCH` times the logarithm of F.
        is_free: where a switch costs nothing, bool `[F]`.
    """
    switch = SWITCH * log(len(values)) * variance
    costs = np.stack([(values[:, None] - low) ** 2, (values[:, None] - high) ** 2])  # [2, F, S]
    came_from = np.empty((2, *costs.shape[1:]), bool)
    least = np.zeros((2, len(low)))
    for frame, cost in enumerate(costs.swapaxes(0, 1)):
        other = least[::-1] + (0 if is_free[frame] else switch)
        came_from[:, frame] = other < least
        least = np.minimum(other, least) + cost
    state = least[1] < least[0]
    states = np.empty(costs.shape[1:], bool)
    each = np.arange(len(low))
    for frame in range(len(values) - 1, -1, -1):
        states[frame] = state
        state = state ^ came_from[state.astype(int), frame, each]
    return states.T


def _bic(values: np.ndarray, active: np.ndarray, is_free: np.ndarray) -> float:
    """The BIC of two levels with these states."""
    switches = int((active[1:] != active[:-1])[~is_free[1:]].sum())
    parameters = 2 + SWITCH * switches + int(is_free[1:].sum())
    return len(values) * log(_noise(values, active) ** 2) + parameters * log(len(values))


def _noise(values: np.ndarray, active: np.ndarray) -> float:
    """The standard deviation of values around the mean of their level."""
    squares = ((part - _mean(part)) ** 2 for part in (values[active], values[~active]) if len(part))
    return max(sqrt(fsum(square for part in squares for square in part) / len(values)), LEAST_NOISE)


def _mean(values: np.ndarray) -> float:
    """Rounded once, so that the order of the values does not matter."""
    return fsum(values) / len(values)

"""Confidence intervals that mean what they say."""

from math import isnan

import numpy as np
import pytest

from imap_fast.metrics.bootstrap import estimate


@pytest.mark.slow
def test_intervals_cover_the_true_mean_as_often_as_they_say():
    rng, covered = np.random.default_rng(0), 0
    for seed in range(500):
        # A clip's concepts have much in common, so that fewer values are independent than there are.
        clips = [rng.normal(0.7 + 0.1 * rng.normal(), 0.02, rng.integers(1, 4)) for _ in range(100)]
        found = estimate(clips, seed=seed)
        covered += found.low <= 0.7 <= found.high
    assert 0.92 < covered / 500 < 0.975


def test_a_mean_is_over_all_values_and_nan_is_counted():
    found = estimate([[1.0, 0.0], [0.5], [float("nan")], []])
    assert found.mean == pytest.approx(0.5)
    assert (found.values, found.clips, found.left_out) == (3, 2, 1)


def test_clips_that_repeat_themselves_tell_no_more():
    rng = np.random.default_rng(1)
    values = rng.random(30)
    once, often = estimate([[value] for value in values]), estimate([[value] * 9 for value in values])
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_the_draw_follows_from_the_seed():
    clips = [[value] for value in np.random.default_rng(2).random(12)]
    assert estimate(clips, seed=3) == estimate(clips, seed=3) != estimate(clips, seed=4)


def test_one_clip_has_a_mean_and_no_interval_and_none_has_neither():
    one, none = estimate([[0.25, 0.75]]), estimate([[float("nan")]])
    assert one.mean == 0.5
    assert isnan(one.low)
    assert isnan(one.high)
    assert isnan(none.mean)
    assert (none.values, none.left_out) == (0, 1)

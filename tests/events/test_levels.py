"""The two levels of a curve: exact where they are plain, and none where there is one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap_fast.events.levels import FEWEST, two_levels


@st.composite
def states(draw):
    """Runs of at least two latent frames, at least two of them."""
    lengths = draw(st.lists(st.integers(2, 9), min_size=2, max_size=6).filter(lambda each: sum(each) >= FEWEST))
    first = draw(st.booleans())
    return np.repeat([(number % 2 == 0) == first for number in range(len(lengths))], lengths)


@st.composite
def noisy_curves(draw):
    """Curves of whole numbers, so that scaling and shifting them is exact."""
    return np.array(draw(st.lists(st.integers(0, 200), min_size=1, max_size=30)), np.float64)


def found(curve, begins=(0,)):
    levels = two_levels(curve, begins)
    return None if levels is None else levels.active.tolist()


@settings(max_examples=50)
@given(states(), st.integers(0, 2**32 - 1))
def test_two_levels_under_little_noise_are_found_exactly(active, seed):
    noise = np.random.default_rng(seed).normal(0, 1e-3, len(active)).clip(-4e-3, 4e-3)
    levels = two_levels(3 + 2 * active + noise)
    assert levels.active.tolist() == active.tolist()
    assert levels.low == pytest.approx(3, abs=0.01)
    assert levels.high == pytest.approx(5, abs=0.01)
    assert 0 < levels.noise < 0.01


@settings(max_examples=50)
@given(noisy_curves(), st.integers(-8, 8), st.integers(-100, 100))
def test_scaling_and_shifting_a_curve_changes_no_interval(curve, power, shift):
    before, after = two_levels(curve), two_levels(curve * 2.0**power + shift)
    if before is None or after is None:
        assert before is after
        return
    assert before.active.tolist() == after.active.tolist()
    assert (after.high - after.low) / after.noise == pytest.approx((before.high - before.low) / before.noise)


@settings(max_examples=50)
@given(noisy_curves(), st.sets(st.integers(1, 29), max_size=3))
def test_backwards_the_intervals_are_the_same_backwards(curve, cuts):
    cuts = [cut for cut in sorted(cuts) if cut < len(curve)]
    backwards = [0, *sorted(len(curve) - cut for cut in cuts)]
    forward, reverse = found(curve, [0, *cuts]), found(curve[::-1], backwards)
    assert reverse == (None if forward is None else forward[::-1])


@pytest.mark.parametrize(
    "curve",
    [[], [1], [0, 1], [0, 1, 1], [0, 0, 0, 1, 1], [2.5] * 20, [0] * 20, [1e6] * 10 + [1e6 + 1] * 10],
    ids=["no frame", "one", "two", "three", "five", "constant", "zero", "rounding"],
)
def test_what_is_too_short_or_constant_is_steady(curve):
    assert two_levels(np.array(curve, np.float32)) is None
    assert two_levels(np.array(curve, np.float32)[::-1]) is None


def test_a_frame_between_both_levels_is_not_active():
    assert found(np.array([0, 0, 0, 0, 0.5, 1, 1, 1, 1])) == [False] * 5 + [True] * 4
    assert found(np.array([1, 1, 1, 1, 0.5, 0, 0, 0, 0])) == [True] * 4 + [False] * 5


def test_a_frame_that_is_off_does_not_split_an_interval_of_noise():
    active = np.repeat([False, True, False], [10, 12, 10])
    curve = active + np.random.default_rng(0).normal(0, 0.2, len(active))
    curve[15] = 0.45
    assert found(curve) == active.tolist()


@pytest.mark.slow
def test_noise_of_one_level_is_seldom_more_than_that():
    """Of white noise on 13 latent frames, as CogVideoX makes them of 49, one curve in twenty has two levels."""
    rng = np.random.default_rng(0)
    assert sum(two_levels(rng.normal(size=13)) is not None for _ in range(200)) <= 20
    assert sum(two_levels(rng.normal(size=60)) is not None for _ in range(100)) <= 3


def test_what_noise_hides_is_found_as_a_whole():
    rng = np.random.default_rng(1)
    active = np.repeat([False, True, False, True], [12, 9, 14, 10])
    overlap = []
    for _ in range(50):
        levels = two_levels(active + rng.normal(0, 0.25, len(active)))
        overlap.append((levels.active & active).sum() / (levels.active | active).sum())
    assert np.mean(overlap) > 0.97


def test_no_cut_is_smoothed_over():
    """A single latent frame on the other level is noise within a shot, and counts as a shot of its own."""
    curve = np.array([0, 0.3, 0, 0.2, 0.1, 0, 0.7, 0.1, 0.2, 0, 0.3, 0.1, 1.1, 0.9, 1, 0.8, 1.2, 0.95])
    within, own_shot = found(curve), found(curve, [0, 6, 7])
    assert within[6] != own_shot[6]
    assert own_shot[6]
    assert within[7:] == own_shot[7:] == [False] * 5 + [True] * 6


@pytest.mark.slow
def test_the_best_of_many_starts_is_no_worse_than_any_single_interval():
    """Against all pairs of places, one by one."""
    from imap_fast.events.levels import _bic

    rng = np.random.default_rng(2)
    free = np.zeros(12, bool)
    free[0] = True
    for _ in range(30):
        curve = rng.random(12)
        scaled = (curve - curve.min()) / (curve.max() - curve.min())
        every = [
            np.isin(np.arange(12), np.arange(begin, end)) ^ flipped
            for begin in range(12)
            for end in range(begin + 1, 13)
            for flipped in (False, True)
            if end - begin < 12
        ]
        rising = [each for each in every if scaled[each].mean() > scaled[~each].mean()]
        best = min(_bic(scaled, each, free) for each in rising)
        one = 12 * np.log(scaled.var()) + np.log(12)
        levels = two_levels(curve)
        reached = one if levels is None else _bic(scaled, levels.active, free)
        assert reached <= min(best, one) + 1e-9

"""Average precision of intervals, against the definition and by hand."""

from itertools import pairwise
from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap_fast.metrics.detection import Detections, estimate_mean_ap, interval_iou

intervals = st.tuples(st.integers(0, 20), st.integers(1, 8)).map(lambda each: (each[0], each[0] + each[1]))
found = st.lists(st.tuples(intervals, st.sampled_from([0.125, 0.25, 0.5, 0.75])), max_size=4)
clips = st.lists(st.builds(Detections, st.lists(intervals, max_size=3, unique=True), found), min_size=1, max_size=4)


def ap(*of_clips, least=0.5):
    return estimate_mean_ap([{"runs": each} for each in of_clips], least)


def test_the_iou_of_intervals():
    assert interval_iou((0, 4), (2, 6)) == pytest.approx(2 / 6)
    assert interval_iou((0, 2), (2, 4)) == interval_iou((0, 2), (5, 9)) == 0
    assert interval_iou((1, 3), (1, 3)) == 1


def test_one_that_is_found_twice_is_right_once():
    twice = Detections([(0, 4)], [((0, 4), 0.5), ((0, 4), 0.9), ((9, 12), 0.1)])
    assert twice.hits(0.5) == [False, True, False]


def test_the_most_confident_one_takes_what_it_overlaps_most():
    pair = Detections([(0, 10), (8, 18)], [((7, 17), 0.5), ((6, 16), 0.9)])
    assert pair.hits(0.3) == [False, True]
    assert pair.hits(0.7) == [True, False], "what is too little takes nothing"
    assert Detections([(0, 10), (5, 15)], [((2, 11), 0.9), ((4, 13), 0.5)]).hits(0.5) == [True, True]


def test_precision_by_hand():
    """Ranked: right, wrong, right, of three given ones. 1/3 · 1 + 1/3 · 2/3."""
    first = Detections([(0, 4), (6, 9)], [((0, 4), 0.9), ((20, 25), 0.8)])
    second = Detections([(0, 4)], [((0, 4), 0.3)])
    assert ap(first, second).mean == pytest.approx(1 / 3 + 2 / 9)
    assert ap(first, Detections([(0, 4)], [])).mean == pytest.approx(1 / 3)


def test_precision_never_rises_with_recall():
    """Ranked: wrong, right. A single given one is found with a precision of a half."""
    assert ap(Detections([(0, 4)], [((9, 12), 0.9), ((0, 4), 0.5)])).mean == 0.5


def defined(of_clips, least):
    """The definition, one detection after the other."""
    ranked = sorted(
        ((confidence, -number, hit) for number, clip in enumerate(of_clips)
         for (_, confidence), hit in zip(clip.found, clip.hits(least), strict=True)),
        key=lambda each: (-each[0], -each[1], each[2]),
    )  # fmt: skip
    total, right, points = sum(len(clip.truths) for clip in of_clips), 0, []
    for rank, (*_, hit) in enumerate(ranked, 1):
        right += hit
        points.append((right / total, right / rank))
    recalls = sorted({recall for recall, _ in points} | {0.0})
    return sum(
        (after - before) * max(precision for recall, precision in points if recall >= after)
        for before, after in pairwise(recalls)
    )


@settings(max_examples=50)
@given(clips, st.sampled_from([0.3, 0.5, 0.7]))
def test_it_is_what_the_definition_says(of_clips, least):
    estimate = ap(*of_clips, least=least)
    if not any(clip.truths for clip in of_clips):
        assert isnan(estimate.mean)
        assert estimate.values == 0
    else:
        kept = [clip for clip in of_clips if clip.truths]
        assert estimate.mean == pytest.approx(defined(kept, least))


def test_the_mean_is_over_classes_and_the_interval_over_clips():
    right, wrong = Detections([(0, 4)], [((0, 4), 0.5)]), Detections([(0, 4)], [((8, 9), 0.5)])
    found = estimate_mean_ap([{"runs": right}, {"runs": right}, {"jumps": wrong}, {"runs": right}], 0.5)
    assert found.mean == 0.5
    assert (found.values, found.clips) == (2, 4)
    assert 0 <= found.low < 0.5 < found.high <= 1
    alone = estimate_mean_ap([{"runs": right, "jumps": wrong}], 0.5)
    assert alone.mean == 0.5
    assert isnan(alone.low)
    assert isnan(alone.high)
    assert isnan(estimate_mean_ap([], 0.5).mean)


def test_the_draw_follows_from_the_seed():
    rng = np.random.default_rng(0)
    drawn = [{"runs": Detections([(0, 4)], [((0, 4 + number), rng.random())])} for number in range(9)]
    assert estimate_mean_ap(drawn, 0.7) == estimate_mean_ap(drawn, 0.7) != estimate_mean_ap(drawn, 0.7, seed=1)

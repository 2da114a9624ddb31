"""δ, AJ and occlusion accuracy are those of TAP-Vid: by the published code's numbers, and by their definitions."""

import json
from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap_fast.metrics.tracking import MODES, THRESHOLDS, queries, track_scores
from tests.metrics.public_numbers import NUMBERS, draw_tracks

PUBLISHED = json.loads(NUMBERS.read_text())["tracks"]


@pytest.mark.parametrize("case", PUBLISHED, ids=lambda case: f"{case['seed']}-{case['mode']}")
def test_the_measures_are_what_the_code_of_tapvid_measures(case):
    found, claimed, truth, visible = draw_tracks(case["seed"], case["points"], case["frames"], tuple(case["size"]))
    of, frames = queries(visible, case["mode"])
    assert np.stack([of, frames], 1).tolist() == case["queries"]
    scores = track_scores(found[of], claimed[of], truth[of], visible[of], frames, tuple(case["size"]), case["mode"])
    for threshold in THRESHOLDS:
        assert scores.within[threshold] == pytest.approx(case[f"pts_within_{threshold}"], abs=1e-12)
        assert scores.jaccard[threshold] == pytest.approx(case[f"jaccard_{threshold}"], abs=1e-12)
    assert scores.average_within == pytest.approx(case["average_pts_within_thresh"], abs=1e-12)
    assert scores.average_jaccard == pytest.approx(case["average_jaccard"], abs=1e-12)
    assert scores.occlusion_accuracy == pytest.approx(case["occlusion_accuracy"], abs=1e-12)


def test_the_published_numbers_are_of_all_kinds():
    assert {case["mode"] for case in PUBLISHED} == set(MODES)
    assert {case["size"][0] < case["size"][1] for case in PUBLISHED} == {True, False}
    values = {case[f"{name}_{threshold}"] for case in PUBLISHED for name in ("pts_within", "jaccard")
              for threshold in THRESHOLDS}  # fmt: skip
    assert 0.0 in values
    assert len(values) > 60


def by_definition(found, claimed, truth, visible, frames, size, mode, threshold):
    """The three measures, place by place."""
    within, agreed, hits, missed, false = [], [], 0, 0, 0
    for query, frame in np.ndindex(visible.shape):
        if frame == frames[query] or (mode == "first" and frame < frames[query]):
            continue
        x, y = (found[query, frame] - truth[query, frame]) * 256 / np.array([size[1], size[0]])
        near, seen, said = np.hypot(x, y) < threshold, visible[query, frame], claimed[query, frame]
        agreed.append(seen == said)
        if seen:
            within.append(near)
        hit = seen and said and near
        hits += hit
        missed += seen and not hit
        false += said and not hit
    jaccard = hits / (hits + missed + false) if hits + missed + false else nan
    return [np.mean(each) if each else nan for each in (within, agreed)] + [jaccard]


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    points=st.integers(1, 4),
    frames=st.integers(1, 7),
    size=st.tuples(st.integers(8, 900), st.integers(8, 900)),
    mode=st.sampled_from(MODES),
)
def test_the_measures_are_those_of_each_place(seed, points, frames, size, mode):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, size[::-1], (points, frames, 2))
    found = truth + rng.normal(size=truth.shape) * 2 ** rng.uniform(-2, 5, (points, frames, 1))
    visible, claimed = rng.random((2, points, frames)) < 0.6
    asked = rng.integers(frames, size=points)
    scores = track_scores(found, claimed, truth, visible, asked, size, mode)
    for threshold in THRESHOLDS:
        measured = scores.within[threshold], scores.occlusion_accuracy, scores.jaccard[threshold]
        expected = by_definition(found, claimed, truth, visible, asked, size, mode, threshold)
        assert measured == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_true_tracks_score_1_and_a_place_at_the_threshold_is_not_within_it():
    truth = np.array([[[10.0, 20.0], [30.0, 40.0], [50.0, 60.0]]])
    visible, frames = np.array([[True, True, False]]), np.array([0])
    perfect = track_scores(truth, visible, truth, visible, frames, (256, 256), "first")
    assert (perfect.average_within, perfect.average_jaccard, perfect.occlusion_accuracy) == (1, 1, 1)
    edge = track_scores(truth + np.array([4, 0]), visible, truth, visible, frames, (256, 256), "first")
    assert edge.within == {1: 0, 2: 0, 4: 0, 8: 1, 16: 1}
    wide = track_scores(truth + np.array([4, 0]), visible, truth, visible, frames, (256, 1024), "first")
    assert wide.within == {1: 0, 2: 1, 4: 1, 8: 1, 16: 1}, "x is measured in 256 pixels of width"


@pytest.mark.filterwarnings("error")
def test_a_place_that_is_nowhere_is_wrong_and_no_place_has_no_measure():
    truth, visible = np.zeros((1, 3, 2)), np.array([[True, True, False]])
    lost = track_scores(truth * nan, visible, truth, visible, np.array([0]), (9, 9), "first")
    assert (lost.average_within, lost.average_jaccard, lost.occlusion_accuracy) == (0, 0, 1)
    nothing = track_scores(truth, visible, truth, visible, np.array([2]), (9, 9), "first")
    assert all(map(isnan, (nothing.average_within, nothing.average_jaccard, nothing.occlusion_accuracy)))


def test_a_point_that_is_never_visible_has_no_query():
    visible = np.zeros((3, 12), bool)
    visible[0, 4], visible[2, [5, 7, 10]] = True, True
    assert [each.tolist() for each in queries(visible, "first")] == [[0, 2], [4, 5]]
    assert [each.tolist() for each in queries(visible, "strided")] == [[2, 2], [5, 10]]


def test_other_arrays_and_modes_are_refused():
    truth, visible, frames = np.zeros((2, 3, 2)), np.ones((2, 3), bool), np.zeros(2, int)
    good = [truth, visible, truth, visible, frames]
    bad = [truth[:1], visible.astype(np.uint8), truth[:, :2], visible[:, :2], frames[:1]]
    for place, wrong in enumerate(bad):
        given_ = [wrong if place == number else each for number, each in enumerate(good)]
        with pytest.raises(ValueError, match=r"do not fit points .* give \[Q, T, 2\] and bool \[Q, T\]"):
            track_scores(*given_, (9, 9), "first")
    for call in (lambda: track_scores(*good, (9, 9), "last"), lambda: queries(visible, "last")):
        with pytest.raises(ValueError, match="the query mode is 'last'; give one of first, strided"):
            call()

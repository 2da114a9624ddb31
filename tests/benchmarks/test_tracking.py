"""The baselines of tracking follow what moves, lose what is covered, and are measured as TAP-Vid does."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from benchmarks.tracking import (
    BASELINES,
    READS,
    Asked,
    Found,
    asked_of,
    followed,
    lucas_kanade,
    main,
    scores_of,
    template_matching,
)
from imap_fast.demo import world

each_baseline = pytest.mark.parametrize("tracker", BASELINES.values(), ids=BASELINES)


def film(steps):
    """Smooth noise that is moved by each of the steps, (x, y) in pixels, uint8 `[T, 90, 120, 3]`."""
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(90, 120, 3)), (2, 2, 0), mode="wrap")
    noise = 128 + 40 * noise / noise.std()
    moved = [shift(noise, (y, x, 0), order=3, mode="grid-wrap") for x, y in steps]
    return np.stack(moved).clip(0, 255).astype(np.uint8)


@each_baseline
@pytest.mark.parametrize("frame", [0, 3, 6])
def test_a_point_is_followed_forward_and_backward(tracker, frame):
    steps = np.stack([3.0 * np.arange(7), -2.0 * np.arange(7)], 1)
    place = np.array([45.25, 50.75]) + steps[frame]
    found = tracker(film(steps), frame, place)
    assert found.visible.all()
    assert np.abs(found.places - place - (steps - steps[frame])).max() < 0.2
    assert found.places[frame].tolist() == place.tolist()


def test_the_flow_is_finer_than_a_pixel():
    steps = np.stack([0.3 * np.arange(7), 0.7 * np.arange(7)], 1)
    found = lucas_kanade(film(steps), 0, np.array([60.5, 40.5]))
    assert np.abs(found.places - (60.5, 40.5) - steps).max() < 0.2


@each_baseline
def test_what_is_covered_is_not_visible(tracker):
    frames = film(np.zeros((6, 2)))
    frames[2:4, 10:80, 20:90] = np.random.default_rng(1).integers(256, size=(2, 70, 70, 3))
    found = tracker(frames, 0, np.array([55.5, 45.5]))
    seen = found.visible.tolist()
    assert seen[:4] == [True, True, False, False]
    assert seen[4:] == [tracker is template_matching] * 2, "the flow does not find it again"
    if tracker is lucas_kanade:
        assert (found.places[2:] == found.places[1]).all(), "it stays where it was lost"


def test_a_point_at_the_border_has_a_template():
    found = template_matching(film(np.array([[0, 0], [0, 0], [12, 0]])), 0, np.array([8.5, 50.5]))
    assert found.places.tolist() == [[8.5, 50.5], [8.5, 50.5], [20.5, 50.5]]
    assert found.visible.all()
    corner = template_matching(film(np.zeros((2, 2))), 0, np.array([0.5, 89.5]))
    assert corner.places.tolist() == [[0.5, 89.5]] * 2


@each_baseline
def test_a_plain_picture_has_nothing_to_follow(tracker):
    found = tracker(np.full((3, 60, 60, 3), 90, np.uint8), 0, np.array([30.5, 30.5]))
    assert (found.places == (30.5, 30.5)).all()
    assert not found.visible[1:].any()


@pytest.mark.parametrize(("mode", "frame", "median"), [("first", 0, 2), ("first", 1, 4), ("strided", 1, 2)])
def test_the_frame_in_which_a_point_is_given_is_not_measured(mode, frame, median):
    asked = Asked(np.zeros((1, 4, 2)), np.ones((1, 4), bool), np.array([frame]))
    places = np.stack([np.array([0.0, 1.0, 2.0, 6.0]), np.zeros(4)], axis=1)
    found = [Found(places, np.ones(4, bool))]
    assert scores_of(found, asked, (32, 32), mode)["median_error"] == median


@pytest.mark.parametrize("mode", ["first", "strided"])
def test_the_truth_scores_1_and_a_wrong_track_less(mode):
    for seed in range(2):
        scene = world.sample(seed, side=32)
        asked = asked_of(scene, mode)
        true = [Found(*each) for each in zip(asked.truth, asked.visible, strict=True)]
        wrong = [Found(places + 2.5, ~visible) for places, visible in true]  # 20 pixels of 256 in x and in y
        best, worst = (scores_of(found, asked, (32, 32), mode) for found in (true, wrong))
        assert {best[key] for key in ("δ", "AJ", "OA", "δ1", "δ16")} == {1}
        assert {worst[key] for key in ("δ", "AJ", "OA", "δ16")} == {0}
        assert best["median_error"] == 0
        assert abs(worst["median_error"] - 12.5**0.5) < 1e-9


def test_each_query_of_the_mode_is_followed():
    scene = world.sample(0, side=32)
    asked = []

    def tracker(frames, frame, place):
        asked.append(frame)
        return Found(np.zeros((len(frames), 2)), np.zeros(len(frames), bool))

    for mode, stride in (("first", None), ("strided", 5)):
        asked.clear()
        followed(tracker, scene, asked_of(scene, mode))
        seen = [np.flatnonzero(thing.visible) for thing in scene.objects]
        expected = [int(frame) for each in seen for frame in (each[each % stride == 0] if stride else each[:1])]
        assert sorted(asked) == sorted(expected)


@pytest.mark.slow
def test_it_measures_the_model_and_the_baselines(tmp_path):
    main(["--clips", "1", "--output", str(tmp_path / "tracking.json")])
    rows = {row["name"]: row for row in json.loads((tmp_path / "tracking.json").read_text())["rows"]}
    for name in (*BASELINES, *map(str, READS)):
        assert 0 <= rows[f"{name}: AJ"]["value"] <= 1
        assert rows[f"{name}: median_error"]["value"] >= 0
    assert rows["Lucas–Kanade: AJ"]["value"] > 0.5
    assert rows["region_cosine, all layers, step 40: median_error"]["value"] < 24, "a quarter of the picture"

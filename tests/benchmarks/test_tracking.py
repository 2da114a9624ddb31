"""The baselines of tracking follow what moves, lose what is covered, and are measured as TAP-Vid does."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from benchmarks.tracking import BASELINES, Found, lucas_kanade, main, measure, template_matching
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


@pytest.mark.parametrize("mode", ["first", "strided"])
def test_the_truth_scores_1_and_a_wrong_track_less(mode):
    scenes = [world.sample(seed, side=32) for seed in range(2)]

    def true(frames, frame, place):
        (scene,) = (scene for scene in scenes if scene.frames is frames)
        (thing,) = (thing for thing in scene.objects if (thing.centre[frame] == place).all())
        return Found(thing.centre, thing.visible)

    def wrong(frames, frame, place):
        centre, visible = true(frames, frame, place)
        return Found(centre + 2.5, ~visible)  # 20 pixels of 256 in x and in y

    scores = measure({"true": true, "wrong": wrong}, scenes, mode)
    assert scores == {"true": {"δ": 1, "AJ": 1, "OA": 1}, "wrong": {"δ": 0, "AJ": 0, "OA": 0}}


def test_each_query_of_the_mode_is_followed():
    scene = world.sample(0, side=32)
    asked = []

    def tracker(frames, frame, place):
        asked.append(frame)
        return Found(np.zeros((len(frames), 2)), np.zeros(len(frames), bool))

    for mode, stride in (("first", None), ("strided", 5)):
        asked.clear()
        measure({"it": tracker}, [scene], mode)
        seen = [np.flatnonzero(thing.visible) for thing in scene.objects]
        expected = [int(frame) for each in seen for frame in (each[each % stride == 0] if stride else each[:1])]
        assert sorted(asked) == sorted(expected)


@pytest.mark.slow
def test_it_prints_the_measures_of_each_baseline(capsys):
    main(["--clips", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(BASELINES)
    for name, line in zip(BASELINES, lines, strict=True):
        assert line.startswith(name)
        values = [float(part.split()[1]) for part in line.removeprefix(name).strip().split("  ")]
        assert len(values) == 3
        assert all(0 < value <= 1 for value in values)

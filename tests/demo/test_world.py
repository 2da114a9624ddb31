"""The demo world tells the truth about itself."""

from itertools import pairwise

import numpy as np
import pytest

from imap_fast.demo import world
from imap_fast.demo.captions import COLOURS, SHAPES, WORDS


@pytest.fixture(scope="module")
def scenes():
    return [world.sample(seed, side=40) for seed in range(80)]


def test_a_seed_is_a_scene():
    first, again, other = world.sample(5), world.sample(5), world.sample(6)
    np.testing.assert_array_equal(first.frames, again.frames)
    assert (first.caption, [thing.label for thing in first.objects]) == (
        again.caption,
        [thing.label for thing in again.objects],
    )
    assert (first.frames != other.frames).any()
    assert (first.frames != world.sample(5, "validation").frames).any()


@pytest.mark.parametrize(("num_frames", "side"), [(17, 96), (5, 64), (9, 51)])
def test_masks_are_where_the_colours_are(num_frames, side):
    for seed in range(6):
        scene = world.sample(seed, num_frames=num_frames, side=side)
        assert scene.frames.shape == (num_frames, side, side, 3)
        anything = np.any([thing.mask for thing in scene.objects], axis=0)
        for thing in scene.objects:
            assert thing.mask.shape == scene.frames.shape[:3]
            assert thing.mask.any((1, 2)).all(), "an object left the picture"
            inside, outside = scene.frames[thing.mask], scene.frames[~anything]
            colour = np.median(inside, axis=0)
            # Half-covered pixels on the outline are a mixture, so most, not all, have the colour itself.
            assert (np.abs(inside - colour).max(-1) <= 1).mean() > 0.5
            assert (np.abs(outside - colour).max(-1) <= 1).mean() < 0.02
        assert sum(thing.mask.sum() for thing in scene.objects) == anything.sum(), "objects overlap"


def test_exactly_the_first_object_moves(scenes):
    for scene in scenes:
        moving, *resting = scene.objects
        assert moving.moving
        assert (moving.mask != moving.mask[0]).any()
        for thing in resting:
            assert not thing.moving
            assert (thing.mask == thing.mask[0]).all()


@pytest.mark.parametrize(("motion", "axis", "sign"), [("left", 1, -1), ("right", 1, 1), ("up", 0, -1), ("down", 0, 1)])
def test_a_slide_goes_where_its_word_says(scenes, motion, axis, sign):
    masks = [scene.objects[0].mask for scene in scenes if scene.objects[0].motion == f"slides {motion}"]
    assert len(masks) > 5
    for mask in masks:
        first, last = (np.argwhere(mask[frame]).mean(0) for frame in (0, -1))
        way = (last - first) / mask.shape[-1]
        assert sign * way[axis] > 0.3
        assert abs(way[1 - axis]) < 0.02


def test_held_out_combinations_are_never_trained_on(scenes):
    def seen(scenes):
        return {(thing.colour, thing.shape) for scene in scenes for thing in scene.objects}

    assert seen(scenes).isdisjoint(world.HELD_OUT)
    assert seen(world.sample(seed, "validation", side=32) for seed in range(40)).isdisjoint(world.HELD_OUT)
    assert seen(world.sample(seed, "held_out", side=32) for seed in range(40)) <= world.HELD_OUT
    # Each part of a held-out name is known from other combinations.
    trained = {(colour, shape) for colour in COLOURS for shape in SHAPES} - world.HELD_OUT
    assert {colour for colour, _ in trained} == set(COLOURS)
    assert {shape for _, shape in trained} == set(SHAPES)


def test_captions_say_what_is_there(scenes):
    for scene in scenes:
        words = scene.caption.split()
        assert set(words) <= set(WORDS)
        named = {(a, b) for a, b in pairwise(words) if a in COLOURS}
        assert named <= {(thing.colour, thing.shape) for thing in scene.objects}
        assert " a o" not in f" {scene.caption}", "an orange …"
    assert any("slides" in scene.caption and "background" in scene.caption for scene in scenes)


@pytest.mark.parametrize("wrong", [{"split": "test"}, {"side": 8}, {"num_frames": 0}])
def test_an_impossible_scene_is_refused(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        world.sample(0, **wrong)

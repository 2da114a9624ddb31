"""The ground truth of the demo world: masks, motions and captions agree with the frames."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from imap_fast.demo import world
from imap_fast.demo.captions import COLOURS, MOTIONS, SHAPES, WORDS, ObjectDescription, caption, full_caption
from imap_fast.demo.layout import HELD_OUT_MOTIONS, HELD_OUT_NAMES
from imap_fast.demo.paint import RGB


@pytest.fixture(scope="module")
def scenes():
    return [world.sample(seed, side=48) for seed in range(80)]


def test_split_and_seed_determine_the_scene():
    first, again, other = world.sample(5), world.sample(5), world.sample(6)
    np.testing.assert_array_equal(first.frames, again.frames)
    assert (first.caption, [thing.label for thing in first.objects]) == (
        again.caption,
        [thing.label for thing in again.objects],
    )
    assert (first.frames != other.frames).any()
    assert (first.frames != world.sample(5, "validation").frames).any()


@pytest.mark.slow
@pytest.mark.parametrize(("num_frames", "side"), [(25, 96), (5, 64), (9, 51)])
def test_masks_cover_the_colours(num_frames, side):
    for seed in range(6):
        scene = world.sample(seed, num_frames=num_frames, side=side)
        assert scene.frames.shape == (num_frames, side, side, 3)
        anything = np.any([thing.mask for thing in scene.objects], axis=0)
        for thing in scene.objects:
            assert thing.mask.shape == scene.frames.shape[:3]
            assert thing.mask.any((1, 2)).all(), "an object left the picture"
            # Textures and flashes darken a colour, so colours are compared at full brightness.
            bright = scene.frames / np.maximum(scene.frames.max(-1, keepdims=True), 1)
            own = np.array(RGB[thing.colour]) / max(RGB[thing.colour])
            near = np.abs(bright - own).max(-1) < 0.1
            assert near[thing.mask].mean() > 0.6
            if thing.colour != "white":
                assert near[~anything].mean() < 0.03
        assert sum(thing.mask.sum() for thing in scene.objects) == anything.sum(), "objects overlap"


@pytest.mark.slow
def test_moving_objects_come_first_and_no_two_objects_share_a_word(scenes):
    assert {sum(thing.moving.any() for thing in scene.objects) for scene in scenes} == {1, 2}
    assert {len(scene.objects) for scene in scenes} == {1, 2, 3}
    for scene in scenes:
        moves = [bool(thing.moving.any()) for thing in scene.objects]
        assert moves == sorted(moves, reverse=True)
        assert moves == [thing.motion != "rests" for thing in scene.objects]
        motions = [thing.motion for thing in scene.objects if thing.motion != "rests"]
        for words in (motions, *zip(*[(thing.colour, thing.shape) for thing in scene.objects], strict=True)):
            assert len(set(words)) == len(words)


@pytest.mark.slow
def test_a_motion_is_active_in_its_span(scenes):
    for thing in (thing for scene in scenes for thing in scene.objects if thing.moving.any()):
        begins, ends = bool(thing.moving[0]), bool(thing.moving[-1])
        assert (begins, ends) == {
            "throughout": (True, True),
            "first": (True, False),
            "between": (False, False),
            "last": (False, True),
        }[thing.span]
        assert np.abs(np.diff(thing.moving.astype(int))).sum() <= 2, "it moves once"
        if thing.span != "throughout":
            assert 0.3 <= thing.moving.mean() <= 0.7


@pytest.mark.slow
def test_pixels_change_only_while_a_motion_is_active():
    for scene in map(world.sample, range(12)):
        changed = (scene.frames[1:] != scene.frames[:-1]).any(-1)
        for thing in scene.objects:
            others = sum(other.mask.sum(0) for other in scene.objects if other is not thing)
            reach = thing.mask.any(0) & (others == 0)
            active = thing.moving[1:] & thing.moving[:-1]
            edge = thing.moving[1:] != thing.moving[:-1]
            assert not changed[~active & ~edge][:, reach].any()
            if thing.moving.any():
                assert changed[active][:, reach].any(1).mean() > 0.4


@pytest.mark.parametrize(("motion", "axis", "sign"), [("left", 1, -1), ("right", 1, 1), ("up", 0, -1), ("down", 0, 1)])
def test_a_slide_goes_in_its_direction(scenes, motion, axis, sign):
    masks = [o.mask for scene in scenes for o in scene.objects if o.motion == f"slides {motion}"]
    assert len(masks) > 5
    for mask in masks:
        first, last = (np.argwhere(mask[frame]).mean(0) for frame in (0, -1))
        way = (last - first) / mask.shape[-1]
        assert sign * way[axis] > 0.25
        assert abs(way[1 - axis]) < 0.02


def test_the_other_motions_move_as_named(scenes):
    def of(motion):
        return [(scene.frames, o) for scene in scenes for o in scene.objects if o.motion == motion]

    for _, thing in of("grows"):
        area = thing.mask.sum((1, 2))
        assert 1.8 < area[-1] / area[0] < 4.5
    for frames, thing in of("flashes"):
        light = [frame[mask].mean() for frame, mask in zip(frames, thing.mask, strict=True)]
        assert min(light) < 0.5 * max(light)
        assert (thing.mask == thing.mask[0]).all()
    for _, thing in of("bounces"):
        height = [np.argwhere(mask).mean(0)[0] for mask in thing.mask]
        assert height[0] - min(height) > 0.12 * thing.mask.shape[1]
        assert height[-1] == pytest.approx(height[0], abs=0.5)
    for _, thing in of("spins"):
        places = [np.argwhere(mask).mean(0) for mask in thing.mask]
        assert np.abs(places - places[0]).max() < 0.1 * thing.mask.shape[1]
    assert all(len(of(motion)) > 2 for motion in ("grows", "flashes", "bounces", "spins"))


@pytest.mark.slow
def test_the_centre_is_in_the_middle_of_the_mask(scenes):
    """Of shapes whose middle is that of their pixels. Objects keep apart, so all are seen."""
    away = []
    for thing in (thing for scene in scenes for thing in scene.objects):
        assert thing.centre.shape == (len(thing.mask), 2)
        assert thing.visible.all()
        if thing.shape in ("circle", "square", "diamond", "cross"):
            away.extend(
                np.argwhere(mask).mean(0)[::-1] + 0.5 - at for mask, at in zip(thing.mask, thing.centre, strict=True)
            )
    assert np.abs(away).max() < 0.51  # a mask has whole pixels
    assert np.abs(np.mean(away, axis=0)).max() < 0.03


def test_a_centre_under_a_later_object_or_outside_is_not_visible(monkeypatch):
    """A disc goes over a first one, which is painted earlier, and out of the picture on either side."""
    layout = world.draw_layout(0, "train", 6)
    x = np.array([0.1, 0.3, 0.5, 0.8, 1.1, -0.1])
    path = replace(layout.objects[0].path, centre=np.stack([x, np.full(6, 0.5)], 1), growth=np.ones(6))
    still = replace(path, centre=np.full((6, 2), 0.5))
    passing, below = (
        layout.objects[0]._replace(shape="circle", radius=0.1, path=each, colour=colour)
        for each, colour in ((path, "red"), (still, "blue"))
    )
    for objects, of_passing, of_still in (
        ((below, passing), [1, 1, 1, 1, 0, 0], [1, 1, 0, 1, 1, 1]),
        ((passing, below), [1, 1, 0, 1, 0, 0], [1, 1, 1, 1, 1, 1]),
    ):
        monkeypatch.setattr(world, "draw_layout", lambda *_, objects=objects: replace(layout, objects=objects))
        scene = world.sample(0, num_frames=6, side=40)
        seen = {thing.colour: thing.visible.tolist() for thing in scene.objects}
        assert seen == {"red": list(map(bool, of_passing)), "blue": list(map(bool, of_still))}
        assert [thing.centre[0].tolist() for thing in scene.objects if thing.colour == "red"] == [[4.0, 20.0]]


@pytest.mark.slow
def test_held_out_combinations_are_never_trained_on(scenes):
    def seen(scenes):
        objects = [thing for scene in scenes for thing in scene.objects]
        names = {(thing.colour, thing.shape) for thing in objects}
        return names, {(thing.shape, thing.motion) for thing in objects if thing.moving.any()}

    for shown in (scenes, [world.sample(seed, "validation", side=32) for seed in range(40)]):
        names, motions = seen(shown)
        assert names.isdisjoint(HELD_OUT_NAMES)
        assert motions.isdisjoint(HELD_OUT_MOTIONS)
    names, motions = seen(world.sample(seed, "held_out", side=32) for seed in range(40))
    assert names <= HELD_OUT_NAMES
    assert motions <= HELD_OUT_MOTIONS
    # Each part of a held-out combination occurs in other combinations of the training split.
    known = {(colour, shape) for colour in COLOURS for shape in SHAPES} - HELD_OUT_NAMES
    assert [set(part) for part in zip(*known, strict=True)] == [set(COLOURS), set(SHAPES)]
    known = {(shape, motion) for shape in SHAPES for motion in MOTIONS} - HELD_OUT_MOTIONS
    assert [set(part) for part in zip(*known, strict=True)] == [set(SHAPES), set(MOTIONS)]


def test_captions_describe_the_scene(scenes):
    for scene in scenes:
        words = scene.caption.split()
        assert set(words) <= set(WORDS)
        named = {(a, b) for a, b in pairwise(words) if a in COLOURS}
        assert named <= {(thing.colour, thing.shape) for thing in scene.objects}
        assert " a o" not in f" {scene.caption}", "an orange …"
    captions = " | ".join(scene.caption for scene in scenes)
    for phrase in ("rests then slides", "then rests", "striped", "cluttered", "background", "while", "stays still"):
        assert phrase in captions


@pytest.mark.parametrize(
    ("span", "action"),
    [
        ("throughout", "spins"),
        ("first", "spins then rests"),
        ("between", "rests then spins then rests"),
        ("last", "rests then spins"),
    ],
)
def test_an_action_is_in_temporal_order(span, action):
    assert ObjectDescription("red star", "plain", "small", "spins", span).action == action


def test_a_full_caption_describes_everything():
    things = [
        ObjectDescription("orange star", "striped", "small", "spins", "between"),
        ObjectDescription("blue cross", "dotted", "large", "grows", "first"),
        ObjectDescription("red circle", "plain", "large", "rests", "throughout"),
    ]
    assert full_caption(things) == (
        "an orange star rests then spins then rests while a blue cross grows then rests and a red circle rests"
    )
    assert full_caption(things[1:]) == "a blue cross grows then rests while a red circle rests"
    assert full_caption(things[2:]) == "a red circle rests"


def test_the_caption_of_a_moment_has_no_before_and_after():
    things = [
        ObjectDescription("red star", "plain", "small", "spins", "last"),
        ObjectDescription("blue cross", "dotted", "large", "grows", "first"),
    ]
    moment = [things[0].at_moment(False), things[1].at_moment(True)]
    assert [thing.action for thing in moment] == ["rests", "grows"]
    captions = " | ".join(caption(np.random.default_rng(seed), moment, "dark") for seed in range(60))
    assert "spins" not in captions
    assert "then" not in captions
    assert "blue cross grows" in captions
    resting = [thing.at_moment(False) for thing in things]
    captions = " | ".join(caption(np.random.default_rng(seed), resting, "dark") for seed in range(60))
    assert "grows" not in captions
    assert "rests" in captions


@pytest.mark.parametrize("wrong", [{"split": "test"}, {"side": 8}, {"num_frames": 0}])
def test_an_impossible_scene_is_refused(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        world.sample(0, **wrong)

"""A trail is where the track is, fades, has gaps, and looks the same at every size."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from imap_fast.render.palette import BRIGHT
from imap_fast.render.trail import LEAST_LINE, LEAST_MARK, LINE, MARK, OUTLINE, draw_trail

ORANGE = BRIGHT[0]
SEEN = np.ones(9, bool)


def grey(height=400, width=500):
    return np.full((height, width, 3), 200, np.uint8)


def moving(height=400, width=500, count=9):
    """From left to right in the upper half."""
    return np.stack([np.linspace(0.1, 0.8, count) * width, np.full(count, 0.3 * height)], 1)


def changed(picture, before):
    return (picture != before).any(-1)


@settings(deadline=None, max_examples=25)
@given(x=st.floats(20, 80), y=st.floats(20, 60), is_seen=st.booleans(), height=st.integers(80, 400))
def test_the_middle_of_the_mark_is_the_place(x, y, is_seen, height):
    frame = grey(height, 400)
    picture = draw_trail(frame, np.array([[x, y]]), np.array([is_seen]), ORANGE)
    weight = np.abs(picture.astype(float) - frame).sum(-1)
    rows, columns = np.indices(weight.shape) + 0.5
    assert (weight * columns).sum() / weight.sum() == pytest.approx(x, abs=0.15)
    assert (weight * rows).sum() / weight.sum() == pytest.approx(y, abs=0.15)
    assert (frame == 200).all(), "the frame stays as it is"
    assert (picture.shape, picture.dtype) == (frame.shape, np.uint8)


def test_a_mark_is_full_and_hollow_if_the_region_is_not_visible():
    frame, place = grey(), np.array([[250.5, 100.5]])
    full, hollow = (draw_trail(frame, place, np.array([seen]), ORANGE) for seen in (True, False))
    orange = np.rint(255 * np.array(to_rgb(ORANGE)))
    assert (full[100, 250] == orange).all()
    assert (hollow[100, 250] == 200).all()
    assert (hollow == orange).all(-1).any()
    assert changed(hollow, frame)[100].sum() < changed(full, frame)[100].sum()


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), size=st.tuples(st.integers(30, 90), st.integers(30, 90)))
def test_only_pixels_at_the_track_change(seed, size):
    """Against the distance of each pixel to five hundred places on each part of the line."""
    rng = np.random.default_rng(seed)
    places, seen = rng.uniform(-20, 110, (5, 2)), rng.random(5) < 0.7
    shorter = min(size)
    line, mark = max(LINE * shorter, LEAST_LINE), max(MARK * shorter, LEAST_MARK)
    margin = OUTLINE * line
    centres = np.stack(np.indices(size)[::-1], -1) + 0.5
    reached = np.linalg.norm(centres - places[-1], axis=-1) < mark + margin + 0.5
    for number, (begin, end) in enumerate(pairwise(places)):
        if seen[number] and seen[number + 1]:
            for at in np.linspace(begin, end, 500):
                reached |= np.linalg.norm(centres - at, axis=-1) < line + margin + 0.51
    picture = draw_trail(grey(*size), places, seen, ORANGE)
    assert not (changed(picture, 200) & ~reached).any()


def test_the_line_fades_towards_the_first_place():
    picture = draw_trail(grey(), moving(), SEEN, ORANGE)
    columns = np.rint((moving()[:-1, 0] + moving()[1:, 0]) / 2).astype(int)
    strength = np.abs(picture[120, columns].astype(int) - 200).sum(-1)
    assert (np.diff(strength[:-1]) > 5).all()
    assert strength[0] > 5


@pytest.mark.parametrize("lost", [3, 8])
def test_the_line_has_a_gap_where_the_region_is_not_visible(lost):
    seen = SEEN.copy()
    seen[lost] = False
    picture, (x, y) = draw_trail(grey(), moving(), seen, ORANGE), moving()[lost].astype(int)
    assert not changed(picture, 200)[y, x - 22 : x - 15].any(), "the line before it"
    assert lost == 8 or not changed(picture, 200)[y, x - 22 : x + 22].any()
    assert changed(picture, 200)[y, : x - 50].any()


def test_the_line_ends_at_a_hollow_mark():
    """Two places at one point, of which the last is not visible, after a line through it."""
    places = np.array([[50.0, 100.0], [400.0, 100.0], [200.0, 200.0], [200.0, 100.0]])
    picture = draw_trail(grey(), places, np.array([True, True, False, False]), ORANGE)
    assert changed(picture, 200)[100, 150]
    assert not changed(picture, 200)[100, 200]


def test_a_place_outside_the_picture_is_no_error():
    frame = grey(60, 80)
    assert not changed(draw_trail(frame, np.array([[-50.0, 500.0]]), SEEN[:1], ORANGE), frame).any()
    partly = draw_trail(frame, np.array([[-50.0, 30.0], [40.0, 30.0], [300.0, 30.0]]), SEEN[:3], ORANGE)
    assert changed(partly, frame)[30].all()


def test_a_trail_looks_the_same_at_every_size():
    small = draw_trail(grey(), moving(), SEEN, ORANGE).astype(float)
    large = draw_trail(grey(1600, 2000), moving(1600, 2000), SEEN, ORANGE)
    shrunk = large.reshape(400, 4, 500, 4, 3).mean((1, 3))
    assert np.abs(shrunk - small).max() < 40
    assert np.abs(shrunk - small)[changed(small, 200)].mean() < 5


@pytest.mark.parametrize("colour", BRIGHT)
@pytest.mark.parametrize("ground", [0, 255])
def test_every_colour_is_seen_on_every_ground(colour, ground):
    frame = np.full((400, 500, 3), ground, np.uint8)
    picture = draw_trail(frame, moving(), SEEN, colour)
    assert np.abs(picture.astype(int) - ground).max(-1).max() > 100

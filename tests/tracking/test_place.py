"""Where a region is in each latent frame, against patch by patch, and against bumps whose centre is known."""

from math import exp, hypot
from statistics import median

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imap_fast.tracking.place import HOTTEST, RADIUS, TEMPERATURE, VISIBLE, places

seeds = st.integers(0, 2**32 - 1)


def bump(x, y, width, side=17, height=1.0):
    """A Gaussian bump around (x, y), in patches, `[1, side, side]`."""
    at = torch.arange(side, dtype=torch.float64) + 0.5
    squared = (at - x) ** 2 + (at[:, None] - y) ** 2
    return height * torch.exp(-squared / (2 * width**2))[None]


def patch_by_patch(frame):
    """The place in one frame, and how much its hottest patches stand out."""
    rows = frame.tolist()
    patches = [(row, column) for row in range(len(rows)) for column in range(len(rows[0]))]
    background = median(rows[r][c] for r, c in patches)
    row, column = max(patches, key=lambda patch: rows[patch[0]][patch[1]])
    contrast = rows[row][column] - background
    total = x = y = 0.0
    for r, c in patches:
        if abs(r - row) <= RADIUS and abs(c - column) <= RADIUS:
            weight = exp((rows[r][c] - rows[row][column]) / (TEMPERATURE * contrast))
            total, x, y = total + weight, x + weight * (c + 0.5), y + weight * (r + 0.5)
    hottest = sorted((value for each in rows for value in each), reverse=True)[: max(1, round(HOTTEST * len(patches)))]
    return x / total, y / total, sum(hottest) / len(hottest) - background


@settings(deadline=None)
@given(
    seed=seeds, shape=st.tuples(st.integers(1, 4), st.integers(2, 14), st.integers(2, 14)), levels=st.integers(3, 99)
)
def test_a_place_is_that_of_each_patch(seed, shape, levels):
    values = np.random.default_rng(seed).integers(levels, size=shape).astype(np.float32)
    values[:, 0, 0] = levels + 1  # so that no frame is flat
    values[0, -1, -1] = levels + 1  # of equals, the first one counts
    found = places(torch.from_numpy(values), 0)
    expected = [patch_by_patch(frame) for frame in values.astype(float)]
    assert np.allclose(found.x, [x for x, _, _ in expected], rtol=0, atol=1e-9)
    assert np.allclose(found.y, [y for _, y, _ in expected], rtol=0, atol=1e-9)
    confidence = [min(out / expected[0][2], 1) for *_, out in expected]
    assert np.allclose(found.confidence, confidence, rtol=0, atol=1e-9)


@settings(deadline=None, max_examples=200)
@given(x=st.floats(5, 12), y=st.floats(5, 12), width=st.floats(0.8, 3))
def test_the_centre_of_a_bump_is_found_within_a_quarter_of_a_patch(x, y, width):
    found = places(bump(x, y, width).float())
    assert hypot(found.x[0] - x, found.y[0] - y) < 0.25


@settings(deadline=None)
@given(seed=seeds, right=st.integers(-4, 4), down=st.integers(-4, 4))
def test_a_map_that_is_moved_moves_the_place(seed, right, down):
    rng = np.random.default_rng(seed)
    values = bump(*rng.uniform(8, 9, 2), 1.5) + torch.from_numpy(rng.normal(size=(1, 17, 17))) / 20
    before, after = places(values), places(values.roll((down, right), (1, 2)))
    assert after.x[0] - before.x[0] == pytest.approx(right, abs=1e-9)
    assert after.y[0] - before.y[0] == pytest.approx(down, abs=1e-9)


@settings(deadline=None)
@given(seed=seeds, scale=st.floats(1e-3, 1e3), zero=st.floats(-10, 10))
def test_neither_unit_nor_zero_of_a_map_matters(seed, scale, zero):
    values = torch.from_numpy(np.random.default_rng(seed).normal(size=(3, 9, 11)))
    for before, after in zip(places(values), places(scale * (values + zero)), strict=True):
        assert np.allclose(before, after, atol=1e-6)


def test_confidence_compares_with_the_frame_of_the_mark():
    strong, weak = (bump(8, 8, 1.5, height=height) for height in (1.0, 0.5))
    values = torch.cat([weak, strong, 0 * weak])
    assert places(values, 1).confidence == pytest.approx([0.5, 1, 0], abs=1e-6)
    assert places(values, 0).confidence == pytest.approx([1, 1, 0], abs=1e-6), "no more than 1"
    assert places(values).confidence == pytest.approx([0.5, 1, 0], abs=1e-6), "without one, with the best"
    assert places(values, 2).confidence.tolist() == [0, 0, 0], "nothing was marked"


@pytest.mark.parametrize(("width", "strength"), [(1.5, 0.1), (1, 0.12)])
def test_noise_alone_is_not_visible(width, strength):
    rng = np.random.default_rng(0)
    noise = torch.from_numpy(rng.normal(size=(40, 17, 17))) * strength
    noise[0] += bump(8, 8, width)[0]
    confidence = places(noise, 0).confidence
    assert confidence[0] == 1
    assert confidence[1:].max() < VISIBLE


def test_a_marked_patch_that_is_like_itself_alone_hides_no_other_frame():
    values = bump(8.5, 8.5, 1.5).repeat(2, 1, 1)
    values[0, 8, 8] += 0.5
    assert places(values, 0).confidence[1] > VISIBLE


@pytest.mark.parametrize("value", [0.0, -3.0, 1e6])
def test_a_frame_without_contrast_has_a_place_and_no_confidence(value):
    values = torch.full((2, 5, 6), value)
    values[1, 2, 3] += abs(value) * 1e-7
    values[1, 4, 5] = min(value, 0)  # dark, and no less flat above the background
    for own in (None, 0, 1):
        found = places(values, own)
        assert (found.x[0], found.y[0]) == (0.5, 0.5)
        assert found.confidence.tolist() == [0, 0]


def test_what_is_no_map_is_refused():
    values = torch.zeros(2, 3, 4)
    for wrong in (values[0], values[:0], values[:, :, :0]):
        with pytest.raises(ValueError, match=r"the map of a region has the shape .*; give \[F, H, W\]"):
            places(wrong)
    for own in (-1, 2):
        with pytest.raises(ValueError, match=f"own={own} is no latent frame; there are 0 to 1"):
            places(values, own)
    for bad in (float("nan"), float("inf")):
        values[1, 0, 0] = bad
        with pytest.raises(ValueError, match="not finite; run the model in another dtype"):
            places(values)

"""Frames resized and cropped to the size of a model."""

import numpy as np
import pytest

from imap_fast.video import resize_and_crop
from imap_fast.video.crop import kept_window
from tests.video.media import draw_frames


@pytest.mark.parametrize("size", [(20, 30), (30, 20), (7, 91), (64, 64), (1, 1)])
def test_size_is_exact(size):
    assert resize_and_crop(draw_frames(2, 37, 53, seed=1), *size).shape == (2, *size, 3)


def test_a_fitting_clip_is_left_alone():
    frames = draw_frames(2, 16, 24, seed=2)
    assert resize_and_crop(frames, 16, 24) is frames


def test_the_middle_is_kept():
    frames = np.zeros((1, 40, 120, 3), np.uint8)
    frames[:, :, 40:80] = 200
    square = resize_and_crop(frames, 20, 20)
    np.testing.assert_allclose(square[:, :, 2:-2], 200, atol=2)


def test_noise_is_averaged_away():
    noise = np.random.default_rng(3).integers(0, 256, (1, 160, 176, 3), dtype=np.uint8)
    small = resize_and_crop(noise, 20, 22).astype(float)
    assert noise.std() > 70
    assert small.std() < 25
    assert abs(small.mean() - noise.mean()) < 3


@pytest.mark.parametrize("size", [(0, 8), (8, -1)])
def test_an_impossible_size_is_refused(size):
    with pytest.raises(ValueError, match=f"{size[0]} × {size[1]}"):
        resize_and_crop(draw_frames(1, 8, 8, seed=0), *size)


@pytest.mark.parametrize("source", [(480, 854), (854, 480), (60, 90), (37, 53)])
def test_the_window_kept_is_what_the_crop_shows(source):
    """`kept_window` and `resize_and_crop` keep the same rows and columns."""
    rows, columns = kept_window(*source, 48, 72)
    frames = np.zeros((1, *source, 3), np.uint8)
    frames[:, rows, columns] = 200
    assert resize_and_crop(frames, 48, 72).min() > 90, "half a pixel at most is lost to rounding"
    height, width = rows.stop - rows.start, columns.stop - columns.start
    assert height == source[0] or width == source[1]
    assert width / height == pytest.approx(72 / 48, rel=0.02)

"""Pictures at the size that is needed."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from imap_fast.video import Clip, VideoFile, resize_and_crop
from imap_fast.video.display import TURNS
from imap_fast.video.picture import SMALL_HEIGHT, SMALL_WIDTH, ArrayPicture, DecodedPicture
from tests.video.media import draw_frames


def smooth(frames: int, height: int, width: int) -> np.ndarray:
    """Frames without details that 4:2:0 loses."""
    coarse = draw_frames(frames, 6, 9, seed=3)
    return np.stack([np.asarray(Image.fromarray(f).resize((width, height), Image.Resampling.BICUBIC)) for f in coarse])


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> VideoFile:
    path = tmp_path_factory.mktemp("pictures") / "clip.mp4"
    Clip(smooth(3, 270, 480), 24).save(path)
    return VideoFile(path)


@pytest.mark.parametrize("size", [(96, 96), (48, 72), (271, 479), (300, 700), (17, 96), (270, 480)])
@pytest.mark.parametrize("axes", TURNS)
def test_ffmpeg_scales_as_torch_does(file, axes, size) -> None:
    for decoded, _ in file.pictures():
        picture = DecodedPicture(decoded.frame, replace(decoded.display, axes=axes))
        own = picture.resized(*size)
        assert own.shape == (*size, 3)
        expected = resize_and_crop(picture.pixels()[None], *size)[0]
        difference = np.abs(own.astype(float) - expected)
        assert difference.mean() < 4
        assert difference.max() < 24


@pytest.mark.parametrize("size", [(120, 160), (240, 426)])
def test_colours_are_kept_at_an_even_width(tmp_path, size) -> None:
    """FFmpeg halves them by itself, and is wrong by 23 and 18 levels then."""
    cells = np.indices((48, 80)).sum(0) % 2
    frame = np.array([[200, 40, 40], [40, 90, 220]], np.uint8)[cells].repeat(8, 0).repeat(8, 1)
    Clip(frame[None].repeat(2, 0), 24).save(tmp_path / "cells.mp4")
    for picture, _ in VideoFile(tmp_path / "cells.mp4").pictures():
        expected = resize_and_crop(frame[None], *size)[0]
        assert np.abs(picture.resized(*size).astype(float) - expected).mean() < 15


def test_the_same_size_is_not_scaled(file) -> None:
    for picture, _ in file.pictures():
        np.testing.assert_array_equal(picture.resized(270, 480), picture.pixels())


def test_small_pictures_have_all_of_a_large_one(file) -> None:
    for picture, _ in file.pictures():
        small = picture.small()
        assert small.shape == (SMALL_HEIGHT, SMALL_WIDTH, 3)
        expected = np.asarray(
            Image.fromarray(picture.pixels()).resize((SMALL_WIDTH, SMALL_HEIGHT), Image.Resampling.BOX)
        )
        assert np.abs(small.astype(float) - expected).mean() < 2


def test_a_small_video_is_its_own_small_picture(tmp_path) -> None:
    Clip(smooth(2, 48, 64), 24).save(tmp_path / "small.mp4")
    for picture, _ in VideoFile(tmp_path / "small.mp4").pictures():
        np.testing.assert_array_equal(picture.small(), picture.pixels())


def test_an_array_is_scaled_by_torch() -> None:
    frame = draw_frames(1, 37, 53, seed=1)[0]
    np.testing.assert_array_equal(ArrayPicture(frame).resized(16, 24), resize_and_crop(frame[None], 16, 24)[0])
    assert ArrayPicture(frame).pixels() is frame
    assert ArrayPicture(frame).small() is frame

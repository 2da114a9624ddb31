"""What the judge sees."""

import numpy as np
import pytest
import torch

from imap_fast.judge.sheet import COLUMNS, FRAMES, GAP, LABEL_HEIGHT, SEAM, ContactSheets
from imap_fast.render.spacing import evenly_spaced
from imap_fast.video import Clip
from tests.render import synthetic
from tests.report import moving


def cells(sheet) -> list[tuple[np.ndarray, np.ndarray]]:
    """The frame and the heat of each cell, in the order of time."""
    picture = np.asarray(sheet).astype(int)
    rows, columns = -(-FRAMES // COLUMNS), COLUMNS
    height, width = (picture.shape[0] - GAP) // rows - GAP, (picture.shape[1] - GAP) // columns - GAP
    found = []
    for place in range(FRAMES):
        top, left = GAP + place // columns * (height + GAP), GAP + place % columns * (width + GAP)
        cell = picture[top + LABEL_HEIGHT : top + height, left : left + width]
        half = (len(cell) - SEAM) // 2
        found.append((cell[:half], cell[-half:]))
    return found


def centre(picture: np.ndarray) -> np.ndarray:
    """Of what is bright, as shares of height and width."""
    bright = np.argwhere(picture.sum(2) > 0.8 * picture.sum(2).max())
    return (bright.mean(0) + 0.5) / picture.shape[:2]


@pytest.fixture
def video(tmp_path):
    moving.make_clip().save(tmp_path / "clip.mp4")
    return tmp_path / "clip.mp4"


def test_each_frame_stands_above_its_own_heat(video):
    sheets = ContactSheets(moving.make_maps(), video)
    assert sheets.frames == evenly_spaced(moving.FRAMES, FRAMES) == [0, 2, 5, 7, 9, 11, 14, 16]
    for frame, (still, hot) in zip(sheets.frames, cells(sheets.sheet("below", "imap")), strict=True):
        across = (moving.square_left(frame) + moving.SIDE / 2) / moving.WIDTH
        square = np.array([(moving.TOP + moving.SIDE / 2) / moving.HEIGHT, across])
        assert centre(still) == pytest.approx(square, abs=0.02)
        hot = hot[len(hot) // 2 :]  # above, the pale square is bright too
        assert centre(hot)[1] == pytest.approx(across, abs=0.03)


def test_heat_in_time_is_on_one_scale(video):
    shown = cells(ContactSheets(moving.make_maps(), video).sheet("late", "imap"))
    corner = [hot[-5:, -5:].sum(2).mean() for _, hot in shown]
    assert max(corner[:4]) < 30
    assert min(corner[4:]) > 400


def test_between_latent_frames_heat_rises_steadily(video):
    maps = synthetic.make_maps(grid=(5, 2, 2), temporal_compression=4)
    maps.imap[0] = torch.linspace(0, 1, 5)[:, None, None]
    corner = [hot[-5:, -5:].sum(2).mean() for _, hot in cells(ContactSheets(maps, video).sheet("alpaca", "imap"))]
    assert (np.diff(corner) > 10).all()


def test_neither_the_concept_nor_the_map_is_written_on_it(video):
    maps = moving.make_maps()
    maps.maps["gramcol"][2] = maps.imap[0]
    sheets = ContactSheets(maps, video)
    assert sheets.sheet("background", "gramcol").tobytes() == sheets.sheet("below", "imap").tobytes()
    assert sheets.sheet("late", "imap").tobytes() != sheets.sheet("below", "imap").tobytes()


@pytest.mark.parametrize(("frames", "size"), [(1, (30, 50)), (3, (300, 40)), (9, (2, 2))])
def test_a_video_of_any_length_and_size_has_a_sheet(tmp_path, frames, size):
    Clip(np.full((frames, *size, 3), 200, np.uint8)).save(tmp_path / "clip.mp4")
    maps = synthetic.make_maps(grid=(frames, 2, 2), temporal_compression=1)
    sheet = ContactSheets(maps, tmp_path / "clip.mp4").sheet("alpaca", "imap")
    picture = np.asarray(sheet)
    assert (picture == 255).all(2).mean() < 0.5
    assert len(ContactSheets(maps, tmp_path / "clip.mp4").frames) == min(frames, FRAMES)


def test_another_video_is_refused(tmp_path, video):
    read = {"num_frames": 33, "height": moving.HEIGHT, "width": moving.WIDTH}
    maps = synthetic.make_maps(grid=(33, 2, 2), temporal_compression=1, video=read)
    with pytest.raises(ValueError, match="frames, but the maps were read from 33"):
        ContactSheets(maps, video)
    with pytest.raises(ValueError, match="give the video that the maps were read from"):
        ContactSheets(synthetic.make_maps(grid=(40, 2, 2)), video)


def test_a_map_that_is_not_finite_is_cold(video):
    maps = moving.make_maps()
    maps.imap[0] = torch.nan
    for _, hot in cells(ContactSheets(maps, video).sheet("below", "imap")):
        assert hot[len(hot) // 2 :].max() < 30

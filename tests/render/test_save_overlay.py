"""Overlays that are drawn and encoded frame by frame, from files with their own timestamps."""

from pathlib import Path

import numpy as np
import pytest
import torch

from imap_fast.files import sha256_of
from imap_fast.render import heatmap
from imap_fast.video import Clip, VideoFile, read_clip
from tests.render.synthetic import make_maps
from tests.video.media import draw_frames
from tests.video.test_containers import CONTAINERS, write

SECONDS = [0.0, 0.1, 0.2, 0.7, 0.8, 2.0, 2.1, 2.2, 3.5]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of ten unevenly spaced frames; the maps cover nine."""
    path = tmp_path / "video.mkv"
    write(path, draw_frames(10, 48, 64, seed=1), [*SECONDS, 4.0], *CONTAINERS["h264.mkv"])
    return path


def maps_of_a_file(**video: object):
    read = {"num_frames": 9, "height": 32, "width": 48} | video
    return make_maps(("alpaca", "grass"), grid=(3, 2, 3), video=read)


def test_the_files_times_are_kept(file: Path, tmp_path: Path) -> None:
    maps_of_a_file().save_overlay(tmp_path / "overlay.mp4", file)
    times = [time for _, time in VideoFile(tmp_path / "overlay.mp4").timed_frames()]
    assert times == pytest.approx(SECONDS, abs=1e-3)


@pytest.mark.slow
def test_it_shows_what_overlay_shows(file: Path, tmp_path: Path) -> None:
    maps = maps_of_a_file()
    shown = maps.overlay(file, "grass")
    maps.save_overlay(tmp_path / "overlay.mp4", file, "grass")
    saved = read_clip(tmp_path / "overlay.mp4").frames
    assert saved.shape == shown.frames.shape
    assert np.abs(saved.astype(int) - shown.frames).mean() < 3
    frames = np.stack([frame for frame, _ in VideoFile(file).timed_frames()])[:9]
    same_size = maps_of_a_file(height=48, width=64)
    of_frames = same_size.overlay(Clip(frames)).frames  # FFmpeg scales frames of a file a little differently
    assert np.abs(same_size.overlay(file).frames.astype(int) - of_frames).mean() < 2


def test_the_grid_is_drawn_from_the_file(file: Path) -> None:
    figure = maps_of_a_file().grid_figure(file)
    titles = [axes.get_title() for axes in figure.axes[:6]]
    assert (titles[0], titles[-1]) == ("frame 0", "frame 8")
    assert figure.axes[0].images[0].get_array().shape == (32, 48, 3)


def test_maps_of_no_file_have_none_to_show(file: Path) -> None:
    with pytest.raises(ValueError, match=r"not read from a file, so not from .*video\.mkv"):
        make_maps().overlay(file)


def test_frames_are_drawn_as_they_are_written(monkeypatch) -> None:
    monkeypatch.setattr("imap_fast.ahead.MOST_WORKERS", 1)
    drawn = []
    monkeypatch.setattr(
        "imap_fast.render.overlay.write_timed_mp4", lambda path, frames, fps: drawn.append(next(frames))
    )
    clip = Clip(draw_frames(9, 32, 48, seed=2), 5)
    read = []
    monkeypatch.setattr(
        Clip, "timed_frames", lambda clip: (read.append(n) or (f, n / 5) for n, f in enumerate(clip.frames))
    )
    maps_of_a_file().save_overlay("overlay.mp4", clip)
    assert len(drawn) == 1
    assert len(read) <= 4, "the one that was written, one that is drawn, one that waits, and one that is read"


def test_a_long_video_is_scaled_by_some_of_its_frames(monkeypatch) -> None:
    values = torch.arange(1000.0).view(1, 1000, 1, 1)
    exact = heatmap.heat_scales(values)
    monkeypatch.setattr(heatmap, "MOST_FRAMES", 100)
    (few,) = heatmap.heat_scales(values)
    assert few == pytest.approx(exact[0], abs=10)
    assert few != exact[0]


def test_only_the_file_that_was_read_is_shown(file: Path, tmp_path: Path) -> None:
    maps = maps_of_a_file(sha256=sha256_of(file))
    maps.grid_figure(file)
    write(tmp_path / "other.mkv", draw_frames(10, 48, 64, seed=2), [*SECONDS, 4.0], *CONTAINERS["h264.mkv"])
    for picture in (
        maps.grid_figure,
        lambda other: maps.save_overlay(tmp_path / "overlay.mp4", other),
        lambda other: maps.report(tmp_path / "report.html", other),
    ):
        with pytest.raises(ValueError, match=r"other\.mkv is not the file that the maps were read from"):
            picture(tmp_path / "other.mkv")
    assert {path.name for path in tmp_path.iterdir()} == {"video.mkv", "other.mkv"}


def test_a_file_that_ends_early_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short.mkv"
    write(path, draw_frames(8, 48, 64, seed=1), SECONDS[:8], *CONTAINERS["h264.mkv"])
    maps = maps_of_a_file()
    for picture in (maps.grid_figure, maps.overlay, lambda short: maps.save_overlay(tmp_path / "overlay.mp4", short)):
        with pytest.raises(ValueError, match=r"short\.mkv has 8 frames, but the maps were read from 9"):
            picture(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("count", [8, 10])
def test_a_clip_of_another_length_is_refused(count: int, tmp_path: Path) -> None:
    maps, frames = maps_of_a_file(), draw_frames(count, 48, 64, seed=1)
    for picture in (maps.grid_figure, maps.overlay, lambda clip: maps.report(tmp_path / "report.html", clip)):
        with pytest.raises(ValueError, match=f"the maps were read from 9 frames, and this clip has {count}"):
            picture(frames)

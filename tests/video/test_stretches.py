"""Stretches of a video: exactly their frames, at their times, without reading what comes before if a file allows it."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap_fast.video import Clip, VideoError, VideoFile, read_clip
from imap_fast.video.shown import shown_frames
from imap_fast.video.times import LONGEST, check_stretch, seconds_of
from tests.video.media import draw_frames
from tests.video.test_containers import write

FRAMES, FPS = 60, 10

SEEKABLE = {
    "b_frames.mp4": ("libx264", "yuv420p", {"g": "12", "bf": "3"}),
    "open.mp4": ("libx264", "yuv420p", {"x264-params": "keyint=12:open-gop=1:bframes=3"}),
    "open_hevc.mp4": (
        "libx265",
        "yuv420p",
        {"preset": "ultrafast", "x265-params": "log-level=none:keyint=12:open-gop=1:bframes=3"},
    ),
    "h264.mkv": ("libx264", "yuv420p", {"g": "12"}),
    "h264.mov": ("libx264", "yuv420p", {"g": "12"}),
    "h264.ts": ("libx264", "yuv420p", {"g": "12"}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {"g": "12", "deadline": "realtime"}),
    "av1.webm": ("libsvtav1", "yuv420p", {"g": "12", "preset": "12"}),
    "mpeg4.avi": ("mpeg4", "yuv420p", {"g": "12", "bf": "2"}),
    "h264.flv": ("libx264", "yuv420p", {"g": "12"}),
}

STRETCHES = [(0.0, 0.4), (1.2, 1.9), (2.35, 3.05), (4.799, 5.6), (5.5, None), (None, 0.35), (3.6, 3.7), (3.0, 99.0)]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("stretches")


def written(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.exists():
        frames = draw_frames(FRAMES, 48, 64, seed=11)
        codec, pix_fmt, options = SEEKABLE[name]
        write(path, frames, [number / FPS for number in range(FRAMES)], codec, pix_fmt, options)
    return path


@pytest.mark.parametrize("name", SEEKABLE)
def test_a_stretch_has_exactly_its_frames(name: str, files: Path) -> None:
    path = written(files, name)
    whole = list(VideoFile(path).timed_frames())
    assert len(whole) == FRAMES
    for start, end in STRETCHES:
        first, last = start or 0.0, math.inf if end is None else end
        expected = [(frame, at) for frame, at in whole if first <= at + 1e-6 and at + 1e-6 < last]
        video = VideoFile(path, start, end)
        read = list(video.timed_frames())
        assert [at for _, at in read] == [at for _, at in expected], (start, end)
        for (frame, _), (same, _) in zip(read, expected, strict=True):
            np.testing.assert_array_equal(frame, same)
        assert video.gaps == []
        assert video.expected_frames == len(expected)
        later = list(video.timed_frames(2))
        assert [at for _, at in later] == [at for _, at in expected[2:]]


@pytest.mark.parametrize("name", [name for name in SEEKABLE if name != "mpeg4.avi"])  # an .avi has no times of showing
def test_what_comes_before_is_not_decoded(name: str, files: Path, monkeypatch) -> None:
    path, decoded = written(files, name), []

    def counted(container, *arguments, **options):
        for shown in shown_frames(container, *arguments, **options):
            decoded.append(shown)
            yield shown

    monkeypatch.setattr("imap_fast.video.decode.shown_frames", counted)
    assert len(list(VideoFile(path, 5.0, 5.3).timed_frames())) == 3
    assert len(decoded) < 24


def test_times_of_a_stretch() -> None:
    assert seconds_of(80.5) == seconds_of("80.5") == seconds_of("1:20.5") == seconds_of(" 0:01:20.5 ") == 80.5
    assert seconds_of("90:00") == 5400
    assert seconds_of("1:00:00") == 3600
    for wrong in ("", "1:", ":3", "1:60", "1:75:00", "1:2:3:4", "-1", "1e3", "nan", "１", "1.2.3", -0.1, 1e9):
        with pytest.raises(ValueError, match="is no time in a video; give 0 to"):
            seconds_of(wrong)
    for wrong in (None, True, [1], 1j):
        with pytest.raises(TypeError, match="is no time; give seconds"):
            seconds_of(wrong)
    with pytest.raises(ValueError, match=r"end='1:00' is not after start=60"):
        check_stretch(60, "1:00")
    with pytest.raises(ValueError, match=r"end=0 is not after start=0"):
        check_stretch(None, 0)


@given(st.integers(0, 200), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_a_time_is_read_as_it_is_written(hours: int, minutes: int, seconds: int, milliseconds: int) -> None:
    expected = 3600 * hours + 60 * minutes + seconds + milliseconds / 1000
    assert seconds_of(f"{hours}:{minutes:02d}:{seconds:02d}.{milliseconds:03d}") == pytest.approx(expected, abs=1e-9)


@settings(max_examples=30)
@given(st.text(max_size=12))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        seconds = seconds_of(text)
    except ValueError:
        return
    assert 0 <= seconds <= LONGEST


def test_a_stretch_without_a_frame(files: Path) -> None:
    path = written(files, "h264.mkv")
    with pytest.raises(VideoError, match=r"h264\.mkv has no frame from 7 s to its end, but has one at 5\.90 s"):
        list(VideoFile(path, 7).timed_frames())
    with pytest.raises(VideoError, match=r"has no frame from 2\.02 s to 2\.08 s"):
        read_clip(path, start=2.02, end=2.08)


def test_a_clip_of_a_stretch(files: Path) -> None:
    path = written(files, "b_frames.mp4")
    whole = read_clip(path)
    clip = read_clip(path, start="0:02.5", end=3)
    np.testing.assert_array_equal(clip.frames, whole.frames[25:30])
    assert clip.start == pytest.approx(2.5)
    assert [at for _, at in clip.timed_frames()] == pytest.approx([2.5, 2.6, 2.7, 2.8, 2.9])
    assert len(read_clip(path, start=2.5, num_frames=2).frames) == 2
    cut = whole.stretch("0:02.5", 3)
    np.testing.assert_array_equal(cut.frames, clip.frames)
    assert (cut.start, cut.fps) == (pytest.approx(2.5), whole.fps)
    assert cut.fingerprint() != Clip(cut.frames, cut.fps).fingerprint()
    assert clip.stretch(2.6, 2.8).start == pytest.approx(2.6)
    with pytest.raises(ValueError, match=r"the clip has no frame from 3 s to its end; it is from 2\.5 s to 2\.9 s"):
        clip.stretch(3, None)
    with pytest.raises(ValueError, match="start must be a time from 0 s on, not -1"):
        Clip(cut.frames, 10, -1)


def test_a_loss_before_a_stretch_is_not_its_own(tmp_path: Path) -> None:
    """A damaged group of frames, and stretches before, in and after it."""
    path = tmp_path / "clip.mp4"
    Clip(np.random.default_rng(6).integers(0, 256, (150, 64, 64, 3), dtype=np.uint8), 8).save(path)  # g=48
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 9000] = bytes(9000)
    path.write_bytes(content)
    whole = VideoFile(path)
    times = [at for _, at in whole.timed_frames()]
    ((begin, end),) = whole.gaps
    for start, stop, gaps in ((0, begin - 1, []), (begin - 0.5, end + 0.5, [(begin, end)]), (end + 1, None, [])):
        video = VideoFile(path, start, stop)
        read = [at for _, at in video.timed_frames()]
        assert read == [at for at in times if start <= at and at < (stop or math.inf)]
        assert video.gaps == gaps

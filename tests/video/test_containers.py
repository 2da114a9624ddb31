"""Video containers: their frames, and the times of the frames."""

from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from imap_fast.video import Clip, VideoError, VideoFile
from tests.video.media import draw_frames, save_damaged, set_display_matrix, write_sound

CONTAINERS = {
    "h264.mp4": ("libx264", "yuv420p", {}),
    "hevc.mp4": ("libx265", "yuv420p", {"preset": "ultrafast", "x265-params": "log-level=none"}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {"deadline": "realtime"}),
    "av1.webm": ("libsvtav1", "yuv420p", {"preset": "12"}),
    "h264.mov": ("libx264", "yuv420p", {}),
    "h264.mkv": ("libx264", "yuv420p", {}),
    "mpeg4.avi": ("mpeg4", "yuv420p", {}),
    "picture.gif": ("gif", "rgb8", {}),
}


def write(path: Path, frames: np.ndarray, seconds: list[float], codec: str, pix_fmt: str, options: dict) -> None:
    """Write frames at these times. The test is skipped if this build of PyAV has no such encoder."""
    try:
        av.Codec(codec, "w")
    except av.FFmpegError:
        pytest.skip(f"this build of PyAV has no {codec}")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pix_fmt
        stream.codec_context.time_base = base = Fraction(1, 100 if path.suffix == ".gif" else 1000)
        if path.suffix == ".avi":
            stream.codec_context.time_base = base = Fraction(1, 10)
        for frame, time in zip(frames, seconds, strict=True):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=pix_fmt)
            picture.pts, picture.time_base = round(time / base), base
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("begins", [0, 7], ids="from {} s on".format)
@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_gives_its_frames_and_their_times(name: str, begins: int, tmp_path: Path) -> None:
    if begins and name.endswith("avi"):
        pytest.skip("an .avi always begins at 0")
    frames, seconds = draw_frames(12, 64, 80, seed=1), [number / 10 for number in range(12)]
    write(tmp_path / name, frames, [begins + time for time in seconds], *CONTAINERS[name])
    video = VideoFile(tmp_path / name)
    read, times = zip(*video.timed_frames(), strict=True)
    assert video.gaps == []
    assert video.fps == pytest.approx(10, rel=0.02)
    assert times == pytest.approx(seconds, abs=2e-3)
    error = np.abs(np.stack(read).astype(int) - frames).mean((1, 2, 3))
    assert error.max() < (40 if name.endswith("gif") else 12)
    # Each frame is closest to its original.
    away = np.abs(np.stack(read)[:, None].astype(int) - frames[None]).mean((2, 3, 4))
    assert away.argmin(1).tolist() == list(range(12))


@pytest.mark.parametrize("name", ["h264.mp4", "vp9.webm", "h264.mkv", "picture.gif"])
def test_a_variable_rate_keeps_its_times(name: str, tmp_path: Path) -> None:
    seconds = [0.0, 0.1, 0.2, 0.7, 0.8, 2.0, 2.1, 2.2, 3.5]
    write(tmp_path / name, draw_frames(9, 48, 64, seed=2), seconds, *CONTAINERS[name])
    video = VideoFile(tmp_path / name)
    assert [time for _, time in video.timed_frames()] == pytest.approx(seconds, abs=2e-3)
    assert video.gaps == []


@pytest.mark.parametrize("size", [(33, 47), (2, 2), (17, 200)])
def test_odd_sizes(size: tuple[int, int], tmp_path: Path) -> None:
    codec = ("libx264", "yuv444p", {})
    write(tmp_path / "odd.mp4", draw_frames(3, *size, seed=3), [0, 0.1, 0.2], *codec)
    assert [frame.shape for frame, _ in VideoFile(tmp_path / "odd.mp4").timed_frames()] == [(*size, 3)] * 3


def test_a_turned_file_is_upright(tmp_path: Path) -> None:
    frames = np.zeros((2, 32, 64, 3), np.uint8)
    frames[:, :16, :16] = 255
    Clip(frames).save(tmp_path / "clip.mp4")
    set_display_matrix(tmp_path / "clip.mp4")
    for frame, _ in VideoFile(tmp_path / "clip.mp4").timed_frames():
        assert frame.shape == (64, 32, 3)
        assert frame[:12, -12:].min() > 200


def test_frames_are_skipped_but_counted(tmp_path: Path) -> None:
    Clip(draw_frames(10, 32, 48, seed=4), 5).save(tmp_path / "clip.mp4")
    video = VideoFile(tmp_path / "clip.mp4")
    whole, rest = list(video.timed_frames()), list(video.timed_frames(7))
    assert [time for _, time in rest] == pytest.approx([1.4, 1.6, 1.8])
    for (frame, time), (again, same) in zip(whole[7:], rest, strict=True):
        assert time == same
        np.testing.assert_array_equal(frame, again)
    assert video.expected_frames == 10


def test_a_corrupted_middle_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    save_damaged(path, 40, 8)
    video = VideoFile(path)
    times = [time for _, time in video.timed_frames()]
    assert 30 <= len(times) < 40
    ((begin, end),) = video.gaps
    assert begin in times
    assert end in times
    assert not [time for time in times if begin < time < end]
    assert 1.5 < begin < end < 3.5
    # The same if earlier frames are skipped.
    assert [time for _, time in video.timed_frames(25)] == times[25:]
    assert video.gaps == [(begin, end)]


class Swallowing:
    """A container whose decoder drops some frames silently."""

    def __init__(self, container: av.container.InputContainer, dropped: set[int]) -> None:
        self.container, self.dropped = container, dropped
        self.streams, self.format, self.metadata = container.streams, container.format, container.metadata

    def demux(self, stream):
        for packet in self.container.demux(stream):
            frames = [frame for frame in packet.decode() if round(10 * frame.time) not in self.dropped]
            attributes = {name: getattr(packet, name) for name in ("size", "pts", "is_discard")}
            yield SimpleNamespace(**attributes, decode=lambda frames=frames: frames)


@pytest.mark.parametrize(
    ("dropped", "gaps"),
    [
        ({4}, [(0.3, 0.5)]),
        ({4, 5, 8}, [(0.3, 0.6), (0.7, 0.9)]),
        ({10, 11}, [(0.9, None)]),
        ({0, 1}, [(0.0, 0.2)]),
        (set(), []),
    ],
)
def test_frames_that_a_decoder_drops_silently_are_gaps(dropped: set[int], gaps: list, tmp_path, monkeypatch) -> None:
    name, opened = "h264.mkv", VideoFile._open_film
    write(tmp_path / name, draw_frames(12, 64, 80, seed=9), [n / 10 for n in range(12)], *CONTAINERS[name])
    video = VideoFile(tmp_path / name)

    @contextmanager
    def swallowing(video: VideoFile):
        with opened(video) as film:
            yield film._replace(container=Swallowing(film.container, dropped))

    monkeypatch.setattr(VideoFile, "_open_film", swallowing)
    assert len(list(video.timed_frames())) == 12 - len(dropped)
    assert [edge for gap in video.gaps for edge in gap] == [
        edge if edge is None else pytest.approx(edge) for gap in gaps for edge in gap
    ]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".gif"])
def test_a_missing_end_is_named(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"clip{suffix}"
    codec = CONTAINERS[{".webm": "vp9.webm", ".gif": "picture.gif"}.get(suffix, "h264.mkv")]
    write(path, np.random.default_rng(7).integers(0, 256, (30, 64, 64, 3), dtype=np.uint8), np.arange(30) / 10, *codec)
    if suffix == ".mp4":
        Clip(np.random.default_rng(7).integers(0, 256, (30, 64, 64, 3), dtype=np.uint8), 10).save(path)
    path.write_bytes(path.read_bytes()[: int(0.7 * path.stat().st_size)])
    video = VideoFile(path)
    times = [time for _, time in video.timed_frames()]
    assert 10 < len(times) < 30
    assert video.gaps[-1] == (times[-1], None)


def test_files_without_a_frame(tmp_path: Path) -> None:
    Clip(draw_frames(4, 32, 32, seed=8)).save(tmp_path / "clip.mp4")
    content = bytearray((tmp_path / "clip.mp4").read_bytes())
    start = content.index(b"mdat") + 4
    content[start:] = bytes(len(content) - start)
    (tmp_path / "clip.mp4").write_bytes(content)
    write_sound(tmp_path / "sound.m4a")
    with pytest.raises(VideoError, match=r"clip\.mp4 holds no frame"):
        list(VideoFile(tmp_path / "clip.mp4").timed_frames())
    with pytest.raises(VideoError, match="sound but no picture"):
        VideoFile(tmp_path / "sound.m4a")

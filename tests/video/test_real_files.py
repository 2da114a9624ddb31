"""What phones, browsers and editors write: cut tracks, covers, no rates, late stamps and long pauses."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from imap_fast.video import VideoError, VideoFile, read_clip
from imap_fast.video.write import write_timed_mp4
from tests.video.media import draw_frames, write_sound
from tests.video.odd_clocks import (
    EVEN,
    FPS,
    FRAMES,
    HOUR,
    Sound,
    as_decoded,
    as_shown,
    listed,
    muxed,
    number_of,
    patched,
    picture_of,
)
from tests.video.odd_files import B_FRAMES, MPEG4, MPEG4_B, OPEN_GROUPS, PLAIN, mpeg2


def read(video: VideoFile) -> tuple[list[int], list[float]]:
    frames = [(number_of(frame), time) for frame, time in video.timed_frames()]
    return [number for number, _ in frames], [time for _, time in frames]


def trimmed(first: float, seconds: float):
    """Let an edit list show only a part of the track."""

    def change(content: bytearray) -> None:
        movie = content.index(b"mvhd") + 16
        track = content.index(b"mdhd") + 16
        ticks = [int.from_bytes(content[at : at + 4], "big") for at in (movie, track)]
        entry = content.index(b"elst") + 12
        content[entry : entry + 4] = round(seconds * ticks[0]).to_bytes(4, "big")
        content[entry + 4 : entry + 8] = round(first * ticks[1]).to_bytes(4, "big")

    return change


@pytest.mark.parametrize("content", [PLAIN, B_FRAMES], ids=["plain", "B frames"])
def test_what_an_edit_list_cuts_off_is_no_loss(content, tmp_path: Path) -> None:
    patched(muxed(content), trimmed(0.5, 1.0))(tmp_path / "phone.mp4")
    video = VideoFile(tmp_path / "phone.mp4")
    numbers, times = read(video)
    assert video.gaps == []
    assert 23 <= len(numbers) <= 26
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(read_clip(tmp_path / "phone.mp4").frames) == len(numbers)
    assert read(VideoFile(tmp_path / "phone.mp4", times[14])) == (numbers[14:], times[14:])


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".flv"])
@pytest.mark.parametrize("by", [0.3, 0.8, 1.2, 30.0, -0.3, -0.8, -5.0])
def test_one_wrong_stamp_moves_no_later_frame(suffix: str, by: float, tmp_path: Path) -> None:
    stamps = [6 + second for second in EVEN]
    stamps[20] += by
    muxed(PLAIN, listed(stamps))(tmp_path / f"late{suffix}")
    numbers, times = read(VideoFile(tmp_path / f"late{suffix}"))
    assert numbers == list(range(FRAMES))
    assert np.all(np.diff(times) > 0)
    assert times[:20] == pytest.approx(EVEN[:20], abs=2e-3)
    if by < 1:  # otherwise the film ends before the clock has reached the stamp
        assert times[41:] == pytest.approx(EVEN[41:], abs=2e-3)
    assert times[:-1] == pytest.approx(EVEN[:-1], abs=1.3 / FPS)
    for start in (12, 21, 24, 36):
        part = VideoFile(tmp_path / f"late{suffix}", times[start])
        assert read(part) == (numbers[start:], times[start:])


def test_without_a_rate_it_is_that_of_the_stamps(tmp_path: Path) -> None:
    """A browser's recorder states no rate, and FFmpeg then takes a millisecond for a frame."""
    with av.open(str(tmp_path / "browser.webm"), "w", options={"live": "1"}) as container:
        stream = container.add_stream("libvpx", rate=1000)
        stream.width = stream.height = 64
        stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(30):
            picture = av.VideoFrame.from_ndarray(draw_frames(1, 64, 64, number)[0], format="rgb24")
            picture = picture.reformat(format="yuv420p")
            picture.pts, picture.time_base = 33 * number, Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    video = VideoFile(tmp_path / "browser.webm")
    assert video.fps == pytest.approx(30.3, rel=0.02)
    assert [time for _, time in video.timed_frames()] == pytest.approx(
        [0.033 * number for number in range(30)], abs=2e-3
    )


def test_a_cover_is_no_film(tmp_path: Path) -> None:
    cover, frames = picture_of(7), [picture_of(number) for number in range(12)]
    with av.open(str(tmp_path / "film.mp4"), "w") as container:
        streams = [container.add_stream("mjpeg", rate=1), container.add_stream("libx264", rate=FPS)]
        for stream in streams:
            stream.height, stream.width, stream.pix_fmt = *cover.shape[:2], "yuvj420p"
        streams[1].pix_fmt = "yuv420p"
        streams[0].disposition = av.stream.Disposition.attached_pic
        for stream, pictures in zip(streams, ([cover], frames), strict=True):
            for picture in pictures:
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=stream.pix_fmt)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    assert read(VideoFile(tmp_path / "film.mp4"))[0] == list(range(12))


def test_a_song_with_a_cover_is_only_sound(tmp_path: Path) -> None:
    write_sound(tmp_path / "sound.m4a")
    with (
        av.open(str(tmp_path / "sound.m4a")) as song,
        av.open(str(tmp_path / "song.m4a"), "w", format="mp4") as container,
    ):
        sound = container.add_stream_from_template(song.streams.audio[0])
        picture = container.add_stream("mjpeg", rate=1)
        picture.height, picture.width, picture.pix_fmt = 64, 64, "yuvj420p"
        picture.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(picture_of(1, 64), format="rgb24").reformat(format="yuvj420p")
        container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        for packet in song.demux(audio=0):
            if packet.size:
                packet.stream = sound
                container.mux(packet)
    with pytest.raises(VideoError, match="sound but no picture"):
        VideoFile(tmp_path / "song.m4a")


@pytest.mark.parametrize("pauses", [[20 * HOUR] * 2, [8 * HOUR] * 9, [29 * HOUR, 1, 29 * HOUR]], ids=len)
def test_long_pauses_are_written(pauses: list[float], tmp_path: Path) -> None:
    times = [0.0, *np.cumsum(pauses).tolist()]
    frames = [(picture_of(number), time) for number, time in enumerate(times)]
    write_timed_mp4(tmp_path / "paused.mp4", frames, 24)
    assert read(VideoFile(tmp_path / "paused.mp4")) == (list(range(len(times))), pytest.approx(times, abs=1e-3))


def test_with_sound_a_missing_end_is_named(tmp_path: Path) -> None:
    whole = tmp_path / "whole.mkv"
    muxed(B_FRAMES, as_shown, sound=Sound(0, 2))(whole)
    assert VideoFile(whole).gaps == []
    (tmp_path / "cut.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    video = VideoFile(tmp_path / "cut.mkv")
    times = read(video)[1]
    assert video.gaps == [(times[-1], None)]
    part = VideoFile(tmp_path / "cut.mkv", times[3])
    assert read(part)[1] == times[3:]
    assert part.gaps == video.gaps


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("content", [OPEN_GROUPS, mpeg2(), MPEG4_B], ids=["HEVC", "MPEG-2", "MPEG-4"])
def test_stamps_of_decoding_are_not_sought(content, suffix: str, tmp_path: Path) -> None:
    """A key frame has another stamp than its place says. MPEG-4 has no place in .ts."""
    if content is MPEG4_B and suffix == ".ts":
        pytest.skip("FFmpeg writes no MPEG-4 there that it reads")
    muxed(content, as_decoded)(tmp_path / f"film{suffix}")
    numbers, times = read(VideoFile(tmp_path / f"film{suffix}"))
    assert numbers == list(range(FRAMES))
    for start in (9, 10, 12, 23, 24, 36, 46, 47):
        part = VideoFile(tmp_path / f"film{suffix}", times[start])
        assert read(part) == (numbers[start:], times[start:])
        assert part.gaps == []


def test_a_frame_that_is_wrongly_marked_as_key_is_no_beginning(tmp_path: Path) -> None:
    def all_keys(packets: list) -> list:
        return [packet._replace(is_key=True) for packet in packets]

    muxed(MPEG4, alter=all_keys)(tmp_path / "keys.mp4")
    numbers, times = read(VideoFile(tmp_path / "keys.mp4"))
    assert numbers == list(range(FRAMES))
    for start in (7, 12, 30):
        assert read(VideoFile(tmp_path / "keys.mp4", times[start])) == (numbers[start:], times[start:])

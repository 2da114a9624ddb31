"""Writes frames to a video file, of H.264 or without loss. PyAV is imported there, as in `imap_fast.video.decode`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from imap_fast.files import atomic_write

if TYPE_CHECKING:
    import av
    from av.container import OutputContainer
    from av.video.stream import VideoStream

ENCODER_OPTIONS = {"crf": "20", "preset": "veryfast", "g": "48", "mbtree": "0"}
"""Options of x264: a quality without visible artefacts, speed before file size, and frequent key frames, so that
seeking is fast. The same frames give the same bytes; with `mbtree` they do not on processors with AVX-512."""

TIME_BASE = Fraction(1, 18_000)
"""The unit of timestamps in .mp4. Frames of all usual rates last a whole number, and the longest pause that a clock has
(`imap_fast.video.clock.LARGEST_STEP`) is less than the 2³¹ that FFmpeg can write."""


class Coding(NamedTuple):
    """How frames become a file.

    Attributes:
        suffix: of the file.
        container: as FFmpeg calls it.
        container_options: of the container.
        codec: as FFmpeg calls it.
        options: of the codec.
        pixels: the format of pixels, `yuv420p` or `gray`.
        time_base: the unit of timestamps in the container.
    """

    suffix: str
    container: str
    container_options: dict[str, str]
    codec: str
    options: dict[str, str]
    pixels: str
    time_base: Fraction


H264 = Coding(".mp4", "mp4", {"movflags": "+faststart"}, "libx264", ENCODER_OPTIONS, "yuv420p", TIME_BASE)
"""yuv420p, BT.709, with the index in front, so that a browser can start early."""

H264_OF_MASKS = H264._replace(
    options={
        **{name: value for name, value in ENCODER_OPTIONS.items() if name != "crf"},
        "qp": "8",
        "x264-params": "no-deblock=1:no-dct-decimate=1:no-fast-pskip=1",
    }
)
"""Black and white that a threshold at half tells apart for certain. At this QP a step of the quantizer is 1.625 levels,
and no filter follows it. Each of the 64 coefficients of a block is less than a step off, and weighs a quarter at most:
26 levels, where black and white are 219 apart. Lossless H.264 would not play in browsers."""

FFV1 = Coding(".mkv", "matroska", {"fflags": "+bitexact"}, "ffv1", {"level": "1"}, "gray", Fraction(1, 1000))
"""Grey without loss. Later levels of FFV1 cut a frame into slices, for which some are too narrow. Times of Matroska are
milliseconds."""


def write_mp4(path: str | os.PathLike, frames: np.ndarray, fps: float) -> None:
    """Write frames as H.264 in .mp4: yuv420p, BT.709, with the index in front, so that a browser can start early.

    Args:
        path: of the file, which is written atomically.
        frames: uint8 `[T, H, W, 3]`, RGB.
        fps: frames per second.

    Raises:
        ValueError: `path` does not end in .mp4.
        OSError: the folder cannot be written.
    """
    with _open_stream(path, frames.shape[1:3], fps) as (container, stream):
        for frame in frames:
            container.mux(stream.encode(_to_video_frame(frame)))


def write_timed_mp4(path: str | os.PathLike, frames: Iterable[tuple[np.ndarray, float]], fps: float) -> None:
    """Write a stream of frames with their times, like `write_mp4`. The file begins with its first frame.

    Args:
        path: of the file, which is written atomically.
        frames: at least one uint8 `[H, W, 3]`, RGB, all of the same size, each with its time in seconds, ascending.
        fps: frames per second, on average.

    Raises:
        ValueError: `path` does not end in .mp4.
        OSError: the folder cannot be written.
    """
    frames = iter(frames)
    first = next(frames)
    with timed_writer(path, first[0].shape[:2], fps) as write:
        for frame, seconds in chain([first], frames):
            write(frame, seconds)


@contextmanager
def timed_writer(
    path: str | os.PathLike, size: tuple[int, int], fps: float, coding: Coding = H264
) -> Iterator[Callable[[np.ndarray, float], None]]:
    """Yield what writes a frame with its time in seconds, which ascend. The file begins with the first one.

    Args:
        path: of the file, which is there when the block ends without an exception.
        size: height and width of the frames, which are uint8 RGB `[H, W, 3]`, or grey `[H, W]`.
        fps: frames per second, on average.
        coding: of the file.

    Raises:
        ValueError: `path` does not have the suffix of the coding.
        OSError: the folder cannot be written.
    """
    with _open_stream(path, size, fps, coding) as (container, stream):
        stream.codec_context.time_base = coding.time_base
        # Reordered frames would add up the pauses between them.
        stream.options = {**coding.options, "bf": "0"}
        first, before = None, -1

        def write(frame: np.ndarray, seconds: float) -> None:
            nonlocal first, before
            first = seconds if first is None else first
            picture = _to_video_frame(frame, coding.pixels)
            # Two frames that are closer than a unit are one unit apart: encoders need ascending times.
            before = max(before + 1, round((seconds - first) / coding.time_base))
            picture.pts, picture.time_base = before, coding.time_base
            container.mux(stream.encode(picture))

        yield write


@contextmanager
def _open_stream(
    path: str | os.PathLike, size: tuple[int, int], fps: float, coding: Coding = H264
) -> Iterator[tuple[OutputContainer, VideoStream]]:
    """Yield a container with a video stream of this height and width."""
    import av
    from av.video.reformatter import ColorRange, Colorspace

    if Path(path).suffix.lower() != coding.suffix:
        raise ValueError(f"a clip is saved as {coding.suffix}, not {Path(path).name!r}")
    with (
        atomic_write(path) as temporary,
        av.open(str(temporary), "w", format=coding.container, options=coding.container_options) as container,
    ):
        stream = container.add_stream(coding.codec, rate=Fraction(fps).limit_denominator(1001))
        stream.height, stream.width = (_stored_side(side, coding.pixels) for side in size)
        stream.pix_fmt = coding.pixels
        stream.options = coding.options
        codec = stream.codec_context
        if coding.pixels == "yuv420p":
            codec.color_primaries = codec.color_trc = codec.colorspace = Colorspace.ITU709
        codec.color_range = ColorRange.MPEG if coding.pixels == "yuv420p" else ColorRange.JPEG
        yield container, stream
        container.mux(stream.encode(None))


def _stored_side(side: int, pixels: str) -> int:
    """The pixels of a side in a file: 4:2:0 halves the colour planes, so they must be even."""
    return side + side % 2 if pixels == "yuv420p" else side


def _to_video_frame(frame: np.ndarray, pixels: str = H264.pixels) -> av.VideoFrame:
    """A frame of RGB or grey, whose last row and column are repeated up to the stored size."""
    import av
    from av.video.reformatter import Colorspace

    if pixels == "gray":
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="gray")
    if frame.ndim == 2:
        frame = np.repeat(frame[..., None], 3, axis=2)
    missing = [(0, _stored_side(side, pixels) - side) for side in frame.shape[:2]]
    frame = np.pad(frame, (*missing, (0, 0)), mode="edge")
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
    return picture.reformat(format=pixels, dst_colorspace=Colorspace.ITU709)

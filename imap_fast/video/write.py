"""Writes frames to an H.264 file. PyAV is imported there, as in `imap_fast.video.decode`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

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
"""The unit of timestamps. Frames of all usual rates last a whole number, and the longest pause that a clock has
(`imap_fast.video.clock.LARGEST_STEP`) is less than the 2³¹ that FFmpeg can write."""


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
    with _open_stream(path, first[0].shape[:2], fps) as (container, stream):
        stream.codec_context.time_base = TIME_BASE
        # Reordered frames would add up the pauses between them.
        stream.options = {**ENCODER_OPTIONS, "bf": "0"}
        before = -1
        for frame, seconds in chain([first], frames):
            picture = _to_video_frame(frame)
            # Two frames that are closer than a unit are one unit apart: encoders need ascending times.
            before = max(before + 1, round((seconds - first[1]) / TIME_BASE))
            picture.pts, picture.time_base = before, TIME_BASE
            container.mux(stream.encode(picture))


@contextmanager
def _open_stream(
    path: str | os.PathLike, size: tuple[int, int], fps: float
) -> Iterator[tuple[OutputContainer, VideoStream]]:
    """Yield a container with a video stream of this height and width."""
    import av
    from av.video.reformatter import ColorRange, Colorspace

    if Path(path).suffix.lower() != ".mp4":
        raise ValueError(f"a clip is saved as .mp4, not {Path(path).name!r}")
    with (
        atomic_write(path) as temporary,
        av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"}) as container,
    ):
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        # 4:2:0 halves the colour planes, so height and width must be even.
        stream.height, stream.width = (side + side % 2 for side in size)
        stream.pix_fmt = "yuv420p"
        stream.options = ENCODER_OPTIONS
        codec = stream.codec_context
        codec.color_primaries = codec.color_trc = codec.colorspace = Colorspace.ITU709
        codec.color_range = ColorRange.MPEG
        yield container, stream
        container.mux(stream.encode(None))


def _to_video_frame(frame: np.ndarray) -> av.VideoFrame:
    import av
    from av.video.reformatter import Colorspace

    odd_height, odd_width = (side % 2 for side in frame.shape[:2])
    frame = np.pad(frame, ((0, odd_height), (0, odd_width), (0, 0)), mode="edge")
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
    return picture.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)

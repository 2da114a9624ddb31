"""Frames → H.264 file."""

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from imap_fast.files import whole_file

ENCODER_OPTIONS = {"crf": "18", "preset": "veryfast"}
"""x264: a quality at which compression is hardly seen, and speed before the last bytes saved."""


def write_mp4(path: str | os.PathLike, frames: np.ndarray, fps: float) -> None:
    """Write frames as H.264 in .mp4: yuv420p, BT.709, its index in front so that a browser starts before the end.

    Args:
        path: where to; the file appears whole or not at all.
        frames: uint8 `[T, H, W, 3]`, RGB.
        fps: frames per second.

    Raises:
        ValueError: `path` does not end in .mp4.
        OSError: the folder cannot be written.
    """
    if Path(path).suffix.lower() != ".mp4":
        raise ValueError(f"a clip is saved as .mp4, not {Path(path).name!r}")
    # 4:2:0 halves the colour planes, so both sides must be even.
    odd_height, odd_width = (side % 2 for side in frames.shape[1:3])
    frames = np.pad(frames, ((0, 0), (0, odd_height), (0, odd_width), (0, 0)), mode="edge")

    with (
        whole_file(path) as unfinished,
        av.open(str(unfinished), "w", format="mp4", options={"movflags": "+faststart"}) as container,
    ):
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = ENCODER_OPTIONS
        codec = stream.codec_context
        codec.color_primaries = codec.color_trc = codec.colorspace = Colorspace.ITU709
        codec.color_range = ColorRange.MPEG
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            picture = picture.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))

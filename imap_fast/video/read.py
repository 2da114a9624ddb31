"""Video file → clip."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.video.reformatter import Colorspace

from imap_fast.video.clip import Clip


def read_clip(path: str | os.PathLike, *, num_frames: int | None = None) -> Clip:
    """Read a video file's first `num_frames` frames, or all; nothing beyond them is decoded.

    Frames are turned upright as the file's rotation says. Fewer frames come back where the file has fewer.

    Args:
        path: a local video file of any format that FFmpeg reads.
        num_frames: how many frames to read at most.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: `num_frames` below 1; a folder; a file that is empty, broken, cut off before the last frame wanted,
            no video, or sound alone.
    """
    path = Path(path)
    if num_frames is not None and num_frames < 1:
        raise ValueError(f"num_frames must be at least 1, not {num_frames}")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; give the path of a video file")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give the path of one video file in it")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty; copy or download it again")

    frames: list[np.ndarray] = []
    # A file object, not a name: FFmpeg would read patterns and protocols into some names.
    with path.open("rb") as file:
        try:
            with _open_video(file, path) as container:
                stream = container.streams.video[0]
                rate = stream.average_rate or stream.guessed_rate
                for frame in _upright(container.decode(stream)):
                    frames.append(frame)
                    if len(frames) == num_frames:
                        break
        except (av.FFmpegError, OSError) as error:
            if not frames:
                raise ValueError(f"{path} is not a video that can be read ({error.strerror}); give an .mp4") from error
            raise ValueError(
                f"{path} breaks off after {len(frames)} frames ({error.strerror}); copy it again, "
                f"or read at most {len(frames)} frames"
            ) from error
    if not frames:
        raise ValueError(f"{path} holds no frame that can be decoded; copy or download it again")
    if not rate:
        raise ValueError(f"{path} does not say how many frames a second has; convert it to .mp4")
    return Clip(np.stack(frames), float(rate))


def _open_video(file: BinaryIO, path: Path) -> av.container.InputContainer:
    container = av.open(file)
    # FFmpeg's teletype reader takes any text for ANSI art.
    if container.format.name == "tty":
        container.close()
        raise ValueError(f"{path} is a text file, not a video")
    if not container.streams.video:
        what = "sound but no picture" if container.streams.audio else "no video stream"
        container.close()
        raise ValueError(f"{path} has {what}; give a video file")
    return container


def _upright(frames: Iterator[av.VideoFrame]) -> Iterator[np.ndarray]:
    """RGB arrays `[H, W, 3]`, turned counterclockwise by the quarter turns of the file's display matrix."""
    for frame in frames:
        # RGB has no such colour space, but older PyAVs mind the frame's own only where another one is asked for.
        picture = frame.reformat(format="rgb24", dst_colorspace=Colorspace.ITU601).to_ndarray()
        yield np.rot90(picture, round(frame.rotation / 90))

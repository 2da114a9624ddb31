"""`read_clip`: reads the frames of a video file into memory."""

import os

import numpy as np

from imap_fast.video.clip import Clip
from imap_fast.video.decode import VideoFile


def read_clip(
    path: str | os.PathLike,
    *,
    num_frames: int | None = None,
    start: float | str | None = None,
    end: float | str | None = None,
    stream: int | None = None,
) -> Clip:
    """Read a video file, or a stretch of it. Later frames are not decoded, and earlier ones only if they must be.

    Frames are as a player shows them (docs/real-video.md, "What a player shows"). If the file has fewer, all
    of them are returned.

    Args:
        path: a local file: see `VideoFile`.
        num_frames: the largest number of frames to read. None: all.
        start: the time of the file at which to begin, in seconds or as `"1:20.5"`. None: the first frame.
        end: the time before which to end. None: the last frame.
        stream: which of several films of the file, from 0. None: the one that players show.

    Raises:
        FileNotFoundError: the file does not exist.
        TypeError: `start` or `end` is neither a number nor a text, or `stream` is no integer.
        ValueError: `num_frames` below 1; a `stream` that the file does not have; a stretch without a frame, or a time
            that is none; a folder; a file that is empty, no video, only sound, or damaged or incomplete before the last
            of these frames; frames of different sizes.
    """
    if num_frames is not None and num_frames < 1:
        raise ValueError(f"num_frames must be at least 1, not {num_frames}")
    file = VideoFile(path, start, end, stream)
    frames: list[np.ndarray] = []
    begin = 0.0
    for frame, seconds in file.timed_frames():
        if file.gaps:
            break
        if frames and frame.shape != frames[0].shape:
            raise ValueError(f"{path} changes its size after {len(frames)} frames; read at most {len(frames)} frames")
        if start is not None and not frames:
            begin = seconds
        frames.append(frame)
        if len(frames) == num_frames:
            break
    if file.gaps:
        raise ValueError(
            f"{path} is damaged after {len(frames)} frames; copy it again, or read at most {len(frames)} frames"
        )
    return Clip(np.stack(frames), file.fps, begin)

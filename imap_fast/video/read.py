"""Video file → clip."""

import os

import numpy as np

from imap_fast.video.clip import Clip
from imap_fast.video.file import VideoFile


def read_clip(path: str | os.PathLike, *, num_frames: int | None = None) -> Clip:
    """Read a video file's first `num_frames` frames, or all; nothing beyond them is decoded.

    Frames are turned upright as the file's rotation says. Fewer frames come back where the file has fewer.

    Args:
        path: a local video file of any format that FFmpeg reads.
        num_frames: how many frames to read at most.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: `num_frames` below 1; a folder; a file that is empty, broken, cut off or damaged before the last
            frame wanted, no video, or sound alone; frames that change their size.
    """
    if num_frames is not None and num_frames < 1:
        raise ValueError(f"num_frames must be at least 1, not {num_frames}")
    file = VideoFile(path)
    frames: list[np.ndarray] = []
    for frame, _ in file.timed_frames():
        if file.gaps:
            break
        if frames and frame.shape != frames[0].shape:
            raise ValueError(f"{path} changes its size after {len(frames)} frames; read at most {len(frames)} frames")
        frames.append(frame)
        if len(frames) == num_frames:
            break
    if file.gaps:
        raise ValueError(
            f"{path} breaks off after {len(frames)} frames; copy it again, or read at most {len(frames)} frames"
        )
    return Clip(np.stack(frames), file.fps)

"""Damaged files: they are read with their gaps or refused. Nothing crashes, and no gap is overlooked."""

import random
from pathlib import Path

import numpy as np
import pytest

from imap_fast.video import VideoError, VideoFile, read_clip
from tests.video.media import draw_frames
from tests.video.test_containers import CONTAINERS, write

FILES_OF_EACH = 40


def damaged(content: bytes, draw: random.Random) -> bytes:
    """The content, truncated, without some bytes, or with flipped bits: a few anywhere, or many in one place."""
    kind = draw.choice(("cut", "flips", "burst", "hole"))
    if kind == "cut":
        return content[: draw.randrange(1, len(content))]
    changed = bytearray(content)
    if kind == "hole":
        start = draw.randrange(len(content))
        del changed[start : start + draw.randrange(1, 200)]
        return bytes(changed)
    start, stop = (0, len(content)) if kind == "flips" else (start := draw.randrange(len(content)), start + 300)
    for _ in range(draw.randrange(1, 30)):
        changed[draw.randrange(start, min(stop, len(content)))] ^= 1 << draw.randrange(8)
    return bytes(changed)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["h264.mp4", "vp9.webm", "h264.mkv", "picture.gif", "mpeg4.avi", "av1.webm"])
def test_damaged_files(name: str, tmp_path: Path) -> None:
    seconds = [number / 10 for number in range(10)]
    write(tmp_path / name, draw_frames(10, 32, 48, seed=1), seconds, *CONTAINERS[name])
    content, draw = (tmp_path / name).read_bytes(), random.Random(name)
    read, refused = 0, []
    for _ in range(FILES_OF_EACH):
        (tmp_path / name).write_bytes(damaged(content, draw))
        try:
            video = VideoFile(tmp_path / name)
            frames = list(video.timed_frames())
        except VideoError as error:
            refused.append(str(error))
            continue
        read += 1
        times = [time for _, time in frames]
        assert times[0] == 0 or video.gaps[0] == (0, times[0])
        assert np.all(np.diff(times) > 0)
        assert all(frame.dtype == np.uint8 and frame.ndim == 3 for frame, _ in frames)
        if video.gaps:
            with pytest.raises(ValueError, match=name):
                read_clip(tmp_path / name)
    assert read > 5
    assert all(name in reason for reason in refused)
    assert read + len(refused) == FILES_OF_EACH

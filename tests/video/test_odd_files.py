"""Odd files: every frame is read, in the order in which it is shown, at a time that ascends, and no gap is invented."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from imap_fast.video import VideoFile
from imap_fast.video.write import write_timed_mp4
from tests.video.odd_clocks import HOUR, number_of
from tests.video.odd_files import ODD_FILES

pytestmark = pytest.mark.slow  # all of them together

LONGEST = 13 * HOUR
"""A step of .mp4 with 90 000 ticks a second, which it counts with 32 bits, rounded down."""


@pytest.mark.parametrize("name", ODD_FILES)
def test_an_odd_file_is_read_and_written(name: str, tmp_path: Path) -> None:
    odd = ODD_FILES[name]
    path, copy = tmp_path / name, tmp_path / "copy.mp4"
    odd.write(path)
    video = VideoFile(path)
    frames = list(video.timed_frames())
    numbers, times = [number_of(frame) for frame, _ in frames], [time for _, time in frames]
    assert numbers == list(odd.numbers)
    assert all(before < after for before, after in pairwise(times))
    if odd.seconds is not None:
        assert times == pytest.approx(list(odd.seconds), abs=2e-3)
    edges = dict(zip(numbers, times, strict=True)) | {None: None}
    assert video.gaps == [(edges[before] or 0.0, edges[after]) for before, after in odd.gaps]
    if not odd.gaps:
        assert video.expected_frames is None or abs(video.expected_frames - len(frames)) <= len(frames) / 10

    if len({frame.shape for frame, _ in frames}) > 1:
        return  # an .mp4 of one size holds them only after resizing
    write_timed_mp4(copy, frames, video.fps)
    written = VideoFile(copy)
    again = list(written.timed_frames())
    assert [number_of(frame) for frame, _ in again] == numbers
    assert written.gaps == []
    steps, kept = np.diff(times), np.diff([time for _, time in again])
    assert kept == pytest.approx(np.where(steps > LONGEST, kept, steps), abs=2e-3)
    assert (kept[steps > LONGEST] > 12 * HOUR).all()

"""The windows of each shot. No window passes a cut: each shot begins as a clip of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from imap_fast.explaining.windows import Windows
from imap_fast.maps.run_state import ShotState
from imap_fast.video.shots import find_shots
from imap_fast.video.times import Shots, is_before

TimedFrame = tuple[np.ndarray, float]
"""A frame, uint8 `[H, W, 3]`, and its time in seconds."""


class Window(NamedTuple):
    """A window of a shot.

    Attributes:
        first_frame: the number of the first frame of the shot.
        seconds: the time of this frame.
        begin: the latent frame of the shot at which the window begins.
        frames: of the window.
    """

    first_frame: int
    seconds: float
    begin: int
    frames: list[TimedFrame]


def first_needed(shots: Shots, windows: Windows, current: ShotState | None) -> int:
    """The number of the first frame that `shot_windows` needs, if `current` is the shot with the last finished window.

    A detector begins anew with each shot, so it needs the whole shot to find the same cuts.
    """
    if current is None:
        return 0
    return current.first_frame + (0 if shots == "auto" else windows.resume_frame(current.windows))


def shot_windows(
    frames: Iterable[TimedFrame], shots: Shots, windows: Windows, current: ShotState | None = None
) -> Iterator[Window]:
    """Split a stream of frames into the windows of its shots.

    Args:
        frames: of the video, from `first_needed` on.
        shots: which shots there are. Times outside of the video do not matter.
        windows: in a shot.
        current: the shot with the last finished window, whose windows are not yielded again. None: nothing is finished.
    """
    begin = first_needed(shots, windows, current)
    for (first_frame, seconds), group in groupby(_in_shots(frames, shots, begin, current), itemgetter(0)):
        done = current.windows if current is not None and first_frame == current.first_frame else 0
        skipped = first_frame + windows.resume_frame(done) - begin if done else 0
        shot = (frame for _, frame in islice(group, skipped, None))
        for latent, seen in windows.split(shot, done):
            yield Window(first_frame, seconds, latent, seen)


def _in_shots(
    frames: Iterable[TimedFrame], shots: Shots, begin: int, current: ShotState | None
) -> Iterator[tuple[tuple[int, float], TimedFrame]]:
    """Yield each frame after the number and the time of the first frame of its shot. `begin` numbers the first one."""
    shot = None if current is None else (current.first_frame, current.seconds)
    for number, (frame, begins_shot) in enumerate(_marked(frames, shots), begin):
        if shot is None or (begins_shot and number > begin):
            shot = number, frame[1]
        yield shot, frame


def _marked(frames: Iterable[TimedFrame], shots: Shots) -> Iterator[tuple[TimedFrame, bool]]:
    """Yield each frame and whether a shot begins with it."""
    if shots == "auto":
        yield from find_shots(frames)
        return
    remaining = [] if isinstance(shots, str) else list(shots)
    for frame, seconds in frames:
        passed = [time for time in remaining if not is_before(seconds, time)]
        remaining = remaining[len(passed) :]
        yield (frame, seconds), bool(passed)

"""The windows of each shot. No window passes a cut: each shot begins as a clip of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, groupby, islice
from typing import NamedTuple

import numpy as np

from imap_fast.explaining.windows import Windows
from imap_fast.maps.run_state import ShotState
from imap_fast.video.shots import TimedFrame, find_shots
from imap_fast.video.times import Shots, is_before


class ShotStart(NamedTuple):
    """The first frame of a shot: its number, its time in seconds, and uint8 `[H, W, 3]`."""

    number: int
    seconds: float
    frame: np.ndarray


class Window(NamedTuple):
    """A window of a shot.

    Attributes:
        shot: its first frame.
        begin: the latent frame of the shot at which the window begins.
        frames: of the window.
    """

    shot: ShotStart
    begin: int
    frames: list[TimedFrame]


class ShotWindows:
    """The windows of the shots of a video.

    Args:
        windows: in a shot.
        shots: which shots there are.
        needs_first_frame: whether a window needs the first frame of its shot, too.
    """

    def __init__(self, windows: Windows, shots: Shots, *, needs_first_frame: bool) -> None:
        self.windows, self.shots = windows, shots
        # A detector begins anew with each shot, so it needs the whole shot to find the same cuts.
        self.needs_whole_shots = needs_first_frame or shots == "auto"

    def first_needed(self, current: ShotState | None) -> int:
        """The number of the first frame that `split` needs, if `current` is the shot with the last finished window."""
        if current is None:
            return 0
        return current.first_frame + (0 if self.needs_whole_shots else self.windows.resume_frame(current.windows))

    def split(self, frames: Iterable[TimedFrame], current: ShotState | None = None) -> Iterator[Window]:
        """Split a stream of frames into the windows of its shots. None passes a cut.

        Args:
            frames: of the video, from `first_needed` on.
            current: the shot with the last finished window. Its finished windows are not yielded again. None: nothing
                is finished.
        """
        begin = self.first_needed(current)
        for number, group in groupby(self._in_shots(frames, begin, current), lambda framed: framed[0].number):
            done = current.windows if current is not None and number == current.first_frame else 0
            skipped = number + self.windows.resume_frame(done) - begin if done else 0
            rest = islice(group, skipped, None)
            if (first := next(rest, None)) is None:
                continue
            shot = first[0]
            for latent, seen in self.windows.split((frame for _, frame in chain([first], rest)), done):
                yield Window(shot, latent, seen)

    def _in_shots(
        self, frames: Iterable[TimedFrame], begin: int, current: ShotState | None
    ) -> Iterator[tuple[ShotStart, TimedFrame]]:
        """Yield each frame after the start of its shot. `begin` is the number of the first one."""
        shot: ShotStart | None = None
        for number, (frame, begins_shot) in enumerate(self._marked(frames), begin):
            if shot is None and current is not None:
                shot = ShotStart(current.first_frame, current.seconds, frame[0])
            elif shot is None or begins_shot:
                shot = ShotStart(number, frame[1], frame[0])
            yield shot, frame

    def _marked(self, frames: Iterable[TimedFrame]) -> Iterator[tuple[TimedFrame, bool]]:
        """Yield each frame and whether a shot begins with it."""
        if self.shots == "auto":
            yield from find_shots(frames)
            return
        remaining = [] if isinstance(self.shots, str) else list(self.shots)
        for frame, seconds in frames:
            passed = [time for time in remaining if not is_before(seconds, time)]
            remaining = remaining[len(passed) :]
            yield (frame, seconds), bool(passed)

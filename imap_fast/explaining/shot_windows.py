"""The windows of each shot. No window passes a cut: each shot begins as a clip of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice, repeat
from typing import NamedTuple

import numpy as np

from imap_fast.explaining.read_frames import ReadFrame
from imap_fast.explaining.windows import Windows
from imap_fast.maps.run_state import ShotState
from imap_fast.video.shots import find_shots
from imap_fast.video.times import Shots, is_before


@dataclass(eq=False)
class ShotStart:
    """The beginning of a shot, and how far it was read.

    Attributes:
        number: of its first frame.
        seconds: the time of its first frame.
        pixels: of its first frame that passes the model, uint8 `[H, W, 3]`.
        last: the frame of the shot that was read last, whether it passes or not.
    """

    number: int
    seconds: float
    pixels: np.ndarray
    last: ReadFrame


class Window(NamedTuple):
    """A window of a shot.

    Attributes:
        shot: its beginning.
        begin: the latent frame of the shot at which the window begins.
        frames: of the window. They have pixels.
        last: the number of the last frame of the shot that its maps cover.
    """

    shot: ShotStart
    begin: int
    frames: list[ReadFrame]
    last: int

    @property
    def pixels(self) -> np.ndarray:
        """Uint8 `[T, H, W, 3]`."""
        return np.stack([frame.pixels for frame in self.frames])


class ShotWindows:
    """The windows of the shots of a video.

    A shot of which no frame passes the model belongs to the one before.

    Args:
        windows: in a shot.
        shots: which shots there are.
        fills: whether the last frame of a shot that passes is repeated until it fills a latent frame, so that the maps
            cover the whole shot. Otherwise frames at the end that fill none are dropped.
    """

    def __init__(self, windows: Windows, shots: Shots, *, fills: bool) -> None:
        self.windows, self.shots, self.fills = windows, shots, fills

    def split(self, frames: Iterable[ReadFrame], current: ShotState | None = None) -> Iterator[Window]:
        """Split a stream of frames into the windows of its shots. None passes a cut.

        Args:
            frames: of the video, from the first one of the `current` shot on: a detector needs the whole shot to find
                the same cuts.
            current: the shot with the last finished window. Its finished windows are not yielded again. None: nothing
                is finished.
        """
        for shot, group in groupby(self._passing(frames), lambda pair: pair[0]):
            done = current.windows if current is not None and shot.number == current.first_frame else 0
            passing = (frame for _, frame in group)
            needed = islice(self._filled(passing) if self.fills else passing, self.windows.resume_frame(done), None)
            window: Window | None = None
            for latent, seen in self.windows.split(needed, done):
                if window is not None:
                    yield window
                window = Window(shot, latent, seen, seen[-1].number)
            if window is not None:
                # Only now it is known how far the shot goes.
                yield window._replace(last=shot.last.number) if self.fills else window

    def _filled(self, passing: Iterable[ReadFrame]) -> Iterator[ReadFrame]:
        """Yield the frames of a shot that pass, and then repeat the last one."""
        frames = 0
        for frame in passing:
            frames += 1
            yield frame
        yield from repeat(frame, self.windows.missing(frames))

    def _passing(self, frames: Iterable[ReadFrame]) -> Iterator[tuple[ShotStart, ReadFrame]]:
        """Yield each frame that passes the model, after the beginning of its shot."""
        begin: ReadFrame | None = None
        shot: ShotStart | None = None
        for frame, begins_shot in self._marked(frames):
            if begin is None or begins_shot:
                begin, shot = frame, None
            if shot is not None:
                shot.last = frame
            if frame.passes:
                shot = shot or ShotStart(begin.number, begin.seconds, frame.pixels, frame)
                yield shot, frame

    def _marked(self, frames: Iterable[ReadFrame]) -> Iterator[tuple[ReadFrame, bool]]:
        """Yield each frame and whether a shot begins with it."""
        if self.shots == "auto":
            yield from find_shots((frame.small, frame) for frame in frames)
            return
        remaining = [] if isinstance(self.shots, str) else list(self.shots)
        for frame in frames:
            passed = [time for time in remaining if not is_before(frame.seconds, time)]
            remaining = remaining[len(passed) :]
            yield frame, bool(passed)

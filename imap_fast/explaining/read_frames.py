"""The frames of a video as `explain` reads them: those that pass the model, and what tells where shots begin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from imap_fast.ahead import mapped
from imap_fast.video.picture import TimedPicture
from imap_fast.video.rate import at_rate


class ReadFrame(NamedTuple):
    """A frame of a video.

    Attributes:
        number: among the frames that are read.
        seconds: its time.
        passes: whether it passes the model.
        size: height and width of the picture in the video.
        pixels: uint8 `[H, W, 3]` at the size of the model. Empty if they are not needed.
        small: a picture that tells where shots begin, uint8 `[h, w, 3]`. Empty if it is not needed.
    """

    number: int
    seconds: float
    passes: bool
    size: tuple[int, int]
    pixels: np.ndarray
    small: np.ndarray


EMPTY = np.empty((0, 0, 3), np.uint8)


@dataclass(frozen=True)
class FrameReader:
    """Makes of each picture only the pixels that are needed.

    Args:
        height: of the model, in pixels.
        width: of the model, in pixels.
        rate: frames per second that pass the model. None: all.
        finds_shots: whether every frame is compared with others.
    """

    height: int
    width: int
    rate: float | None
    finds_shots: bool

    def read(self, pictures: Iterable[TimedPicture], begin: int = 0, skipped: int = 0) -> Iterator[ReadFrame]:
        """Yield the frames from number `begin` on.

        Args:
            pictures: from number 0 on, because the first one decides which frames pass.
            begin: the number of the first frame of a shot.
            skipped: the number of frames from there on that pass, but whose pixels are not needed. Those of the first
                one always are: some models see it with each window of its shot.
        """
        return mapped(self._frame, self._wanted(pictures, begin, skipped))

    def _wanted(
        self, pictures: Iterable[TimedPicture], begin: int, skipped: int
    ) -> Iterator[tuple[int, TimedPicture, bool, bool]]:
        """Yield the number of each frame, its picture, whether it passes, and whether its pixels are needed."""
        passed = 0
        for number, (timed, passes) in enumerate(at_rate(pictures, self.rate)):
            if number >= begin:
                yield number, timed, passes, passes and (passed == 0 or passed >= skipped)
                passed += passes

    def _frame(self, wanted: tuple[int, TimedPicture, bool, bool]) -> ReadFrame:
        number, (picture, seconds), passes, is_needed = wanted
        pixels = picture.resized(self.height, self.width) if is_needed else EMPTY
        small = picture.small() if self.finds_shots else EMPTY
        return ReadFrame(number, seconds, passes, picture.size, pixels, small)

"""Pictures of a video, whose pixels are made only where they are needed, at the size that is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from imap_fast.video.crop import cover_size
from imap_fast.video.display import AREA, BICUBIC, Display

if TYPE_CHECKING:
    import av

SMALL_HEIGHT, SMALL_WIDTH = 96, 128
"""The largest size of a picture that is only compared with others, in pixels."""


class Picture(Protocol):
    """A frame of a video."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the whole picture."""

    def pixels(self) -> np.ndarray:
        """The whole picture, uint8 RGB `[H, W, 3]`."""

    def resized(self, height: int, width: int) -> np.ndarray:
        """The picture scaled to cover a size, and cropped evenly; see `imap_fast.video.resize_and_crop`."""

    def small(self) -> np.ndarray:
        """A picture to be compared with others, as small as is cheap, uint8 RGB. Its aspect may be another one."""


class TimedPicture(NamedTuple):
    """A picture and its time in seconds."""

    picture: Picture
    seconds: float


@dataclass(frozen=True, eq=False)
class ArrayPicture:
    """A picture of uint8 RGB `[H, W, 3]`."""

    array: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        return self.array.shape[0], self.array.shape[1]

    def pixels(self) -> np.ndarray:
        return self.array

    def resized(self, height: int, width: int) -> np.ndarray:
        from imap_fast.video.resize import resize_and_crop  # torch is slow to load

        return resize_and_crop(self.array[None], height, width)[0]

    def small(self) -> np.ndarray:
        return self.array


@dataclass(frozen=True, eq=False)
class DecodedPicture:
    """A decoded frame.

    FFmpeg scales it and converts its colours at once, which takes a fraction of the time of `resize_and_crop`: by area
    to half its size or less, and bicubic otherwise. Flags make the result the same on every processor.

    Attributes:
        frame: as the decoder gave it.
        display: how it is shown.
    """

    frame: av.VideoFrame
    display: Display

    @property
    def size(self) -> tuple[int, int]:
        return self.display.size

    def pixels(self) -> np.ndarray:
        return self.display.show(self.frame, *self.size)

    def resized(self, height: int, width: int) -> np.ndarray:
        stored = self.display.turned(self.frame.height, self.frame.width)
        cover = cover_size(*self.size, height, width)
        is_halved = 2 * cover[0] <= stored[0] and 2 * cover[1] <= stored[1]
        picture = self.display.show(self.frame, *cover, AREA if is_halved else BICUBIC)
        top, left = (cover[0] - height) // 2, (cover[1] - width) // 2
        return np.ascontiguousarray(picture[top : top + height, left : left + width])

    def small(self) -> np.ndarray:
        height, width = self.size
        if height <= SMALL_HEIGHT and width <= SMALL_WIDTH:
            return self.pixels()
        return self.display.show(self.frame, min(height, SMALL_HEIGHT), min(width, SMALL_WIDTH), AREA)

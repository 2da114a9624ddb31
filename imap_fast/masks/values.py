"""`MaskValues`: what `Masks` holds, without its files. Formats know only this."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from imap_fast.video.picture import TimedPicture


class MaskFrame(NamedTuple):
    """The masks of one frame.

    Attributes:
        masks: bool `[C, H, W]`.
        seconds: the time of the frame.
    """

    masks: np.ndarray
    seconds: float


@dataclass(frozen=True, eq=False)
class MaskValues:
    """Masks of C concepts at the size of the video. They are made frame by frame, whenever they are read.

    Index them by a label to get all frames of a concept, bool `[T, H, W]`: `masks["cat"]`.

    Attributes:
        labels: the C concepts.
        num_frames: T, the frames of the video that the maps cover.
        height: of a frame, in pixels.
        width: of a frame, in pixels.
        fps: frames per second, on average.
        exclusive: whether each pixel is in one mask at most.
        frames_from: yields the masks of all frames from a number on.
        pictures: yields the frames themselves, and their times. None if they are unknown.
        caption: what the video shows. Empty if it is unknown.
    """

    labels: tuple[str, ...]
    num_frames: int
    height: int
    width: int
    fps: float
    exclusive: bool
    frames_from: Callable[[int], Iterator[MaskFrame]] = field(repr=False)
    pictures: Callable[[], Iterator[TimedPicture]] | None = field(default=None, repr=False)
    caption: str = ""

    def frames(self, first: int = 0) -> Iterator[MaskFrame]:
        """Yield the masks of each frame from number `first` on.

        Raises:
            ValueError: the video cannot be read, or ends before its last frame.
        """
        return self.frames_from(first)

    def __getitem__(self, label: str) -> np.ndarray:
        """The masks of one concept in all frames, bool `[T, H, W]`.

        Raises:
            KeyError: an unknown label.
        """
        if label not in self.labels:
            raise KeyError(f"no concept {label!r}; there are {', '.join(map(repr, self.labels))}")
        place = self.labels.index(label)
        return np.stack([frame.masks[place] for frame in self.frames()])

"""Points of a video whose places are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from imap_fast.video.crop import cover_size


class KnownPoints(NamedTuple):
    """Where N points are in each of T frames.

    Attributes:
        places: (x, y) in pixels from the upper left corner of the picture, `[N, T, 2]`.
        visible: whether each is visible, bool `[N, T]`. Where it is not, its place means nothing.
    """

    places: np.ndarray
    visible: np.ndarray

    def at(self, numbers: Sequence[int]) -> KnownPoints:
        """In the frames of these numbers.

        Raises:
            ValueError: these are no such arrays, or they have fewer frames.
        """
        places, visible = map(np.asarray, self)
        expected = [*visible.shape, 2], bool
        if visible.ndim != 2 or (list(places.shape), visible.dtype) != expected or visible.shape[1] <= max(numbers):
            raise ValueError(
                f"points are {list(places.shape)} and {visible.dtype} {list(visible.shape)}; the video needs [N, T, 2] "
                f"and bool [N, T] of at least {max(numbers) + 1} frames"
            )
        return KnownPoints(places[:, numbers], visible[:, numbers])

    def seen(self, own: tuple[int, int], seen: tuple[int, int]) -> KnownPoints:
        """In pixels of what a model sees of frames, which are scaled to cover its size and cropped evenly.

        A point that is cropped away is not visible.

        Args:
            own: height and width of the frames.
            seen: height and width of what the model sees.
        """
        cover, size = np.array(cover_size(*own, *seen)[::-1]), np.array(seen[::-1])
        places = self.places * cover / own[::-1] - (cover - size) // 2
        is_outside = (places < 0) | (places >= size)
        return KnownPoints(places, self.visible & ~(is_outside & (cover > size)).any(-1))

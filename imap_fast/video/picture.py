"""Pictures of a video, whose pixels are made only where they are needed, at the size that is needed.

PyAV is imported where a decoded frame is converted: whoever has arrays needs no PyAV.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from imap_fast.video.crop import cover_size

if TYPE_CHECKING:
    import av

SMALL_HEIGHT, SMALL_WIDTH = 96, 128
"""The largest size of a picture that is only compared with others, in pixels."""

BICUBIC, AREA = 0x4, 0x20
EXACT = 0x40000 | 0x80000 | 0x2000
"""Flags of FFmpeg's scaler (libswscale/swscale.h), for which PyAV 15 has no names: two filters; and exact rounding, the
same bits on every processor, and colours at full width, which FFmpeg halves by itself if the width is even."""

UPRIGHT = (1, 0), (0, 1)
"""`Axes` of a frame that is shown as it is."""

Axes = tuple[tuple[int, int], tuple[int, int]]
"""Where a player shows the right and the bottom of a decoded frame, each as a direction `(x, y)`."""


class Picture(Protocol):
    """A frame of a video."""

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
        axes: how it is turned and mirrored.
    """

    frame: av.VideoFrame
    axes: Axes

    def pixels(self) -> np.ndarray:
        return self._upright()

    def resized(self, height: int, width: int) -> np.ndarray:
        own = self._turned(self.frame.height, self.frame.width)
        cover = cover_size(*own, height, width)
        is_halved = 2 * cover[0] <= own[0] and 2 * cover[1] <= own[1]
        size = None if cover == own else self._turned(*cover)
        picture = self._upright(size, AREA if is_halved else BICUBIC)
        top, left = (cover[0] - height) // 2, (cover[1] - width) // 2
        return np.ascontiguousarray(picture[top : top + height, left : left + width])

    def small(self) -> np.ndarray:
        height, width = self.frame.height, self.frame.width
        if height <= SMALL_HEIGHT and width <= SMALL_WIDTH:
            return self.pixels()
        return self._upright((min(height, SMALL_HEIGHT), min(width, SMALL_WIDTH)), AREA)

    def _turned(self, height: int, width: int) -> tuple[int, int]:
        """Height and width, exchanged if the frame is turned by a quarter."""
        return (width, height) if self.axes[0][0] == 0 else (height, width)

    def _upright(self, size: tuple[int, int] | None = None, scaler: int = BICUBIC) -> np.ndarray:
        """The frame, scaled to a height and width, and then turned and mirrored as a player shows it."""
        from av import FFmpegError
        from av.video.reformatter import Colorspace

        scaled: dict[str, Any] = {}
        if size is not None:
            scaled = {"height": size[0], "width": size[1], "interpolation": scaler | EXACT}
        # RGB has no such colour space, but older versions of PyAV ignore that of the frame if none is requested.
        try:
            reformatted = self.frame.reformat(format="rgb24", dst_colorspace=Colorspace.ITU601, **scaled)
        except FFmpegError as error:
            own = f"{self.frame.height} × {self.frame.width}"
            raise ValueError(
                f"FFmpeg cannot scale frames of {own} pixels to {size}; crop or resize the video"
            ) from error
        picture = reformatted.to_ndarray()
        right, down = self.axes
        if right[0] == 0:  # what was right is now up or down
            picture, right, down = picture.transpose(1, 0, 2), down, right
        upright = picture[:: down[1], :: right[0]]
        return upright if self.axes == UPRIGHT else upright.copy()  # torch takes no negative strides


def display_axes(frame: av.VideoFrame) -> Axes | None:
    """The axes of a decoded frame. None: it does not turn by quarters.

    These are rows of its display matrix (ISO/IEC 14496-12, "Matrices"), `[a b u; c d v; x y w]`.
    """
    from av.sidedata.sidedata import SideDataContainer, Type

    # Not frame.side_data: the frame would keep it, and it the frame, until a garbage collection.
    side_data = SideDataContainer(frame)  # type: ignore[call-arg]  # the stubs of PyAV omit it
    try:
        a, b, _, c, d, *_ = np.frombuffer(bytes(side_data[Type.DISPLAYMATRIX]), np.int32).tolist()
    except KeyError:
        return UPRIGHT
    right, down = _direction(a, b), _direction(c, d)
    if right is None or down is None or abs(right[0]) == abs(down[0]):
        return None
    return right, down


def _direction(x: int, y: int) -> tuple[int, int] | None:
    """The one of the four directions in which a vector points, within half a degree. None: none of them."""
    if 100 * min(abs(x), abs(y)) >= max(abs(x), abs(y)):
        return None
    return (0, 1 if y > 0 else -1) if abs(x) < abs(y) else (1 if x > 0 else -1, 0)

"""`Display`: what a player makes of a decoded frame.

The frame is turned, its pixels become squares, and its colours those of a screen. One filter graph of FFmpeg does this.

PyAV is imported where a graph is built: whoever has arrays needs no PyAV.
"""

from __future__ import annotations

import threading
from dataclasses import astuple, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from imap_fast.video.tones import BT709, BT2020, HDR_TRANSFERS, UNKNOWN, WIDE_PRIMARIES, is_wide, on_screen

if TYPE_CHECKING:
    import av
    from av.filter import Graph

Axes = tuple[tuple[int, int], tuple[int, int]]
"""Where a player shows the right and the bottom of a decoded frame, each as a direction `(x, y)`."""

UPRIGHT = (1, 0), (0, 1)
"""`Axes` of a frame that is shown as it is."""

TURNS: dict[Axes, tuple[str, tuple[tuple[str, str], ...]]] = {
    UPRIGHT: ("", ()),
    ((-1, 0), (0, 1)): ("mirrored", (("hflip", ""),)),
    ((1, 0), (0, -1)): ("mirrored, then by 180°", (("vflip", ""), ("copy", ""))),
    ((-1, 0), (0, -1)): ("by 180°", (("hflip", ""), ("vflip", ""), ("copy", ""))),
    ((0, 1), (-1, 0)): ("by 90° clockwise", (("transpose", "clock"),)),
    ((0, -1), (1, 0)): ("by 90° counterclockwise", (("transpose", "cclock"),)),
    ((0, -1), (-1, 0)): ("mirrored, then by 90° clockwise", (("transpose", "clock_flip"),)),
    ((0, 1), (1, 0)): ("mirrored, then by 90° counterclockwise", (("transpose", "cclock_flip"),)),
}
"""How a frame is turned, and the filters that do it, by its axes. After a `vflip` the lines are stored upwards, which
PyAV 17 reads downwards: a copy stores them anew."""

TURN_OF_EXIF: dict[int, Axes] = {
    2: ((-1, 0), (0, 1)),
    3: ((-1, 0), (0, -1)),
    4: ((1, 0), (0, -1)),
    5: ((0, 1), (1, 0)),
    6: ((0, 1), (-1, 0)),
    7: ((0, -1), (-1, 0)),
    8: ((0, -1), (1, 0)),
}
"""The axes of each EXIF orientation but the ordinary one, 1."""

BICUBIC, AREA = "bicubic", "area"
EXACT = "accurate_rnd+bitexact+full_chroma_int"
"""Flags of FFmpeg's scaler: two filters; and exact rounding, the same bits on every processor, and colours at full
width, which FFmpeg halves by itself if the width is even."""

HD_HEIGHT, HD_WIDTH = 720, 1280
"""From either on, players take a film that does not name its matrix for one of BT.709, and a smaller one for BT.601."""

MOST_GRAPHS = 4
"""The number of graphs that a thread keeps: for all sizes of one file, and for another file."""

MOST_SIDE_DATA = 64
"""More kinds of side data than FFmpeg has."""

_GRAPHS = threading.local()
"""The graphs of each thread by their arguments."""


@dataclass(frozen=True)
class Display:
    """What decoded frames of one kind are, and how they are shown.

    Attributes:
        height: in stored pixels.
        width: in stored pixels.
        pixel_format: as FFmpeg calls it.
        matrix: of YUV, as numbers of H.273 like `primaries` and `transfer`.
        range: 2 for full range, and otherwise limited.
        primaries: of the colours.
        transfer: of the brightness.
        pixel_aspect: width of a pixel in heights.
        axes: how the frame is turned and mirrored.
        assumed_matrix: in place of one that is not told. None: FFmpeg's own, BT.601.
    """

    height: int
    width: int
    pixel_format: str
    matrix: int
    range: int
    primaries: int
    transfer: int
    pixel_aspect: Fraction = Fraction(1)
    axes: Axes = UPRIGHT
    assumed_matrix: int | None = None

    @classmethod
    def of(
        cls,
        frame: av.VideoFrame,
        pixel_aspect: Fraction = Fraction(1),
        axes: Axes = UPRIGHT,
        *,
        is_photograph: bool = False,
    ) -> Display:
        """How a decoded frame is shown. A photograph is of BT.601, whatever its size."""
        return cls(
            frame.height,
            frame.width,
            frame.format.name,
            matrix=int(frame.colorspace),
            range=int(frame.color_range),
            primaries=int(frame.color_primaries),
            transfer=int(frame.color_trc),
            pixel_aspect=pixel_aspect,
            axes=axes,
            assumed_matrix=None if is_photograph else _assumed_matrix(frame),
        )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture that is shown, in square pixels. As in browsers, none is lost."""
        height, width, aspect = self.height, self.width, self.pixel_aspect
        if aspect > 1:
            width = round(width * aspect)
        else:
            height = round(height / aspect)
        return self.turned(height, width)

    def turned(self, height: int, width: int) -> tuple[int, int]:
        """Height and width, exchanged if the frame is turned by a quarter."""
        return (width, height) if self.axes[0][0] == 0 else (height, width)

    @property
    def _is_wide(self) -> bool:
        return is_wide(self.primaries, self.transfer)

    def described(self) -> dict[str, Any]:
        """What is done to show a frame beside the usual conversion of YUV to RGB, as JSON values. Empty: nothing."""
        done: dict[str, Any] = {}
        if self.axes != UPRIGHT:
            done["turned"] = TURNS[self.axes][0]
        if self.pixel_aspect != 1:
            done["stretched"] = f"{self.pixel_aspect.numerator}:{self.pixel_aspect.denominator}"
        if self.assumed_matrix is not None:
            done["assumed_matrix"] = "BT.709" if self.assumed_matrix == BT709 else "BT.2020"
        if self._is_wide:
            gamut, transfer = WIDE_PRIMARIES.get(self.primaries), HDR_TRANSFERS.get(self.transfer)
            done["tone_mapped" if transfer else "gamut_mapped"] = ", ".join(each for each in (transfer, gamut) if each)
        return done

    def show(self, frame: av.VideoFrame, height: int, width: int, scaler: str = BICUBIC) -> np.ndarray:
        """A frame as it is shown, scaled to a height and width, uint8 RGB `[height, width, 3]`.

        Args:
            frame: a frame of this kind.
            height: of the picture.
            width: of the picture.
            scaler: `BICUBIC` or `AREA`.

        Raises:
            ValueError: FFmpeg cannot scale so much, or does not know the matrix.
        """
        from av import FFmpegError

        try:
            graph = self._graph(height, width, scaler)
            graph.push(frame)
            picture = graph.pull().to_ndarray()
        except FFmpegError as error:
            _GRAPHS.__dict__.clear()  # a graph that failed may still hold this frame, and give it for the next one
            raise ValueError(
                f"FFmpeg cannot show frames of {self.height} × {self.width} pixels, {self.pixel_format} with matrix "
                f"{self.matrix}, at {height} × {width}; convert the video to yuv420p, crop or resize it"
            ) from error
        return on_screen(picture, self.primaries, self.transfer) if self._is_wide else picture

    def _graph(self, height: int, width: int, scaler: str) -> Graph:
        graphs: dict[Any, Graph] = _GRAPHS.__dict__.setdefault("by_arguments", {})
        key = astuple(self), height, width, scaler
        if key not in graphs:
            while len(graphs) >= MOST_GRAPHS:
                del graphs[next(iter(graphs))]
            graphs[key] = self._built(height, width, scaler)
        return graphs[key]

    def _built(self, height: int, width: int, scaler: str) -> Graph:
        stored = self.turned(height, width)
        # At its own size a frame is what the `ffmpeg` command makes of it: with the same flags, and so the same bits.
        flags = scaler if stored == (self.height, self.width) else f"{scaler}+{EXACT}"
        scale: dict[str, Any] = {"width": stored[1], "height": stored[0], "flags": flags}
        if self.assumed_matrix is not None:
            scale["in_color_matrix"] = self.assumed_matrix
        arguments = ":".join(f"{name}={value}" for name, value in scale.items())
        return self.graph(
            ("scale", arguments), ("format", "rgb48le" if self._is_wide else "rgb24"), *TURNS[self.axes][1]
        )

    def graph(self, *filters: tuple[str, str]) -> Graph:
        """A graph of filters in a row, each with its arguments, for frames of this kind."""
        from av.filter import Graph

        size, colours = f"{self.width}x{self.height}", f"colorspace={self.matrix}:range={self.range}"
        source = "buffer", f"video_size={size}:pix_fmt={self.pixel_format}:time_base=1/1:{colours}"
        graph = Graph()
        graph.link_nodes(*(graph.add(*each) for each in (source, *filters, ("buffersink", "")))).configure()
        return graph


def _assumed_matrix(frame: av.VideoFrame) -> int | None:
    """The matrix that players assume of a film that names none. None: BT.601, or there is no matrix."""
    stored = frame.format
    if int(frame.colorspace) != UNKNOWN or stored.is_rgb or stored.has_palette or len(stored.components) < 3:
        return None
    if int(frame.color_primaries) == BT2020:
        return BT2020
    return BT709 if frame.height >= HD_HEIGHT or frame.width >= HD_WIDTH else None


def display_axes(frame: av.VideoFrame) -> Axes | None:
    """The axes of a decoded frame. None: it does not turn by quarters.

    These are rows of its display matrix (ISO/IEC 14496-12, "Matrices"), `[a b u; c d v; x y w]`.
    """
    from av.sidedata.sidedata import SideDataContainer, Type

    # Not frame.side_data: the frame would keep it, and it the frame, until a garbage collection.
    try:
        side_data = SideDataContainer(frame)  # type: ignore[call-arg]  # the stubs of PyAV omit it
    except ValueError:
        side_data = SideDataContainer(_without_unknown_data(frame))  # type: ignore[call-arg]
    try:
        a, b, _, c, d, *_ = np.frombuffer(bytes(side_data[Type.DISPLAYMATRIX]), np.int32).tolist()
    except KeyError:
        return UPRIGHT
    right, down = _direction(a, b), _direction(c, d)
    if right is None or down is None or abs(right[0]) == abs(down[0]):
        return None
    return right, down


def _without_unknown_data(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame without the side data that PyAV has no name for, such as EXIF: with it, PyAV can read none."""
    from av.sidedata.sidedata import Type

    unknown = set(range(MOST_SIDE_DATA)) - {known.value for known in Type}
    graph = Display.of(frame).graph(*(("sidedata", f"mode=delete:type={each}") for each in unknown))
    graph.push(frame)
    return cast("av.VideoFrame", graph.pull())


def _direction(x: int, y: int) -> tuple[int, int] | None:
    """The one of the four directions in which a vector points, within half a degree. None: none of them."""
    if 100 * min(abs(x), abs(y)) >= max(abs(x), abs(y)):
        return None
    return (0, 1 if y > 0 else -1) if abs(x) < abs(y) else (1 if x > 0 else -1, 0)

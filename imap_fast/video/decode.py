"""`VideoFile`: reads a video file as a stream of upright frames with their timestamps, and reports damage.

PyAV is imported where a file is opened: whoever has arrays needs no PyAV.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imap_fast.files import sha256_of

if TYPE_CHECKING:
    import av

MAX_PIXELS = 2**26
"""The largest frame, in pixels: twice 8K. A damaged header that claims more would exhaust the memory."""

UPRIGHT = (1, 0), (0, 1)
"""`display_axes` of a frame that is shown as it is."""


class VideoError(ValueError):
    """A file that cannot be read as a video."""


class VideoFile:
    """A local video file of any format that FFmpeg supports. Its frames are decoded one by one.

    Damaged frames are skipped, and the missing times are reported in `gaps`.

    Args:
        path: of the file.

    Attributes:
        name: of the file.
        fps: frames per second, on average.
        expected_frames: the approximate number of frames according to the file. None if unknown.
        gaps: `(from, to)` in seconds, where `timed_frames` could not read frames. `to` is None if no frame follows.

    Raises:
        FileNotFoundError: the file does not exist.
        VideoError: a folder, or a file that is empty, damaged, no video, or only sound.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self.gaps: list[tuple[float, float | None]] = []
        if not self.path.exists():
            raise FileNotFoundError(f"{path}: no such file; give the path of a video file")
        if self.path.is_dir():
            raise VideoError(f"{path} is a folder; give the path of one video file in it")
        if self.path.stat().st_size == 0:
            raise VideoError(f"{path} is empty; copy or download it again")
        import av

        with self._open_container() as container:
            stream = container.streams.video[0]
            rate = stream.average_rate or stream.guessed_rate
            if not rate:
                raise VideoError(f"{path} does not say how many frames a second has; convert it to .mp4")
            self.fps = float(rate)
            self._duration: float | None = None
            if stream.duration and stream.time_base:
                self._duration = float(stream.duration * stream.time_base)
            elif container.duration and len(container.streams) == 1:  # sound can be longer than the video
                # It is the time of the end, and the first frame may have a later time than 0.
                self._duration = (container.duration - max(0, container.start_time or 0)) / av.time_base
            frames = stream.frames or round((self._duration or 0) * self.fps)
            self.expected_frames: int | None = frames or None
        self._earliest: int | None = None

    def fingerprint(self) -> str:
        """SHA-256 of the content of the file."""
        return sha256_of(self.path)

    def timed_frames(self, start: int = 0) -> Iterator[tuple[np.ndarray, float]]:
        """Yield the frames from number `start` on, uint8 RGB `[H, W, 3]`, and their times in seconds from the first
        frame.

        Frames are turned and mirrored as the file specifies. Earlier frames are decoded, too, because only decoding
        shows which frame has the number `start`. They are not converted to pictures.

        Raises:
            VideoError: no frame can be decoded, or frames are turned by other than quarter turns.
        """
        self.gaps = []
        before: float | None = None
        is_broken, number = False, 0
        for frame, time in self._frames_with_times():
            if frame is None or time is None:
                is_broken = True
                continue
            # A damaged packet does not always lose a frame.
            if is_broken and time > (-1 / self.fps if before is None else before) + 1.5 / self.fps:
                self.gaps.append((before or 0.0, time))
            before, is_broken = time, False
            if number >= start:
                yield self._upright(frame), time
            number += 1
        if before is None:
            raise VideoError(f"{self.path} holds no frame that can be decoded; copy or download it again")
        if is_broken:
            self.gaps.append((before, None))

    def _upright(self, frame: av.VideoFrame) -> np.ndarray:
        """A frame as RGB `[H, W, 3]`, as a player shows it: turned, and mirrored if the file says so."""
        from av.video.reformatter import Colorspace

        # RGB has no such colour space, but older versions of PyAV ignore that of the frame if none is requested.
        picture = frame.reformat(format="rgb24", dst_colorspace=Colorspace.ITU601).to_ndarray()
        axes = display_axes(frame)
        if axes is None:
            raise VideoError(f"{self.path} is to be shown turned by other than quarter turns; turn its pixels instead")
        right, down = axes
        if right[0] == 0:  # what was right is now up or down
            picture, right, down = picture.transpose(1, 0, 2), down, right
        return picture[:: down[1], :: right[0]]

    def _frames_with_times(self) -> Iterator[tuple[av.VideoFrame | None, float | None]]:
        """Yield frames and their times in seconds from the first one. A frame is None for damage or a missing end."""
        first: float | None = None
        time: float | None = None
        end: float | None = None
        for frame in self._decoded_frames():
            if frame is None:
                yield None, time
                continue
            tick = frame.time_base or Fraction(0)
            if first is None and frame.time is not None:
                earliest = frame.pts if self._earliest is None else self._earliest
                first = min(frame.time, float((earliest or 0) * tick))
            # Without a timestamp, or with one that does not increase, a frame follows the previous one.
            timestamp = 0.0 if frame.time is None else frame.time - (first or 0.0)
            time = timestamp if time is None or timestamp > time else time + 1 / self.fps
            end = time + max(1 / self.fps, float((frame.duration or 0) * tick))
            yield frame, time
        if end is not None and self._duration is not None and end + 0.5 / self.fps < self._duration:
            yield None, time

    def _decoded_frames(self) -> Iterator[av.VideoFrame | None]:
        """Yield frames in display order, and None for damage."""
        import av

        with self._open_container() as container:
            stream = container.streams.video[0]
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            packets = container.demux(stream)
            due: set[int] = set()  # timestamps of packets whose frame has not come yet
            last: int | None = None
            self._earliest = None
            while True:
                try:
                    packet = next(packets, None)
                    if packet is None:
                        break
                    if packet.size and packet.pts is not None and not packet.is_discard:
                        due.add(packet.pts)
                        self._earliest = packet.pts if self._earliest is None else min(self._earliest, packet.pts)
                    frames = packet.decode()
                except (av.FFmpegError, OSError):
                    yield None
                    continue
                for frame in frames:
                    if frame.pts is not None:
                        # Decoders drop some damaged frames silently.
                        if min(due, default=frame.pts) < frame.pts:
                            yield None
                        due, last = {pts for pts in due if pts > frame.pts}, frame.pts
                    yield None if frame.is_corrupt else frame
            # A complete GIF ends with this byte. FFmpeg does not check it.
            if container.format.name == "gif" and not self._ends_with(b"\x3b"):
                yield None
            # The second field of an interlaced frame has a timestamp half a frame later, and is no frame of its own.
            tick = float(stream.time_base or 1)
            if last is not None and max(due, default=last) > last + 0.75 / (self.fps * tick):
                yield None

    def _ends_with(self, last: bytes) -> bool:
        with self.path.open("rb") as file:
            file.seek(-len(last), os.SEEK_END)
            return file.read() == last

    @contextmanager
    def _open_container(self) -> Iterator[av.container.InputContainer]:
        import av

        # A file object, not a name: FFmpeg would interpret some names as patterns or protocols.
        with self.path.open("rb") as file:
            try:
                container = av.open(file, mode="r", metadata_errors="ignore")
            except (av.FFmpegError, OSError) as error:
                raise VideoError(
                    f"{self.path} is not a video that can be read ({error.strerror}); give an .mp4"
                ) from error
            with container:
                # The teletype demuxer of FFmpeg accepts any text as ANSI art.
                if container.format.name == "tty":
                    raise VideoError(f"{self.path} is a text file, not a video; give an .mp4")
                if not container.streams.video:
                    content = "sound but no picture" if container.streams.audio else "no video stream"
                    raise VideoError(f"{self.path} has {content}; give a video file")
                if container.streams.video[0].codec_context is None:
                    raise VideoError(f"{self.path} has a format that is not supported; convert it to .mp4")
                yield container


def display_axes(frame: av.VideoFrame) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Where a player shows the right and the bottom of a decoded frame, each as a direction `(x, y)`.

    These are rows of its display matrix (ISO/IEC 14496-12, "Matrices"), `[a b u; c d v; x y w]`. None: it does not turn
    by quarters.
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

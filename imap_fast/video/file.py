"""A video file, read as a stream: upright frames, each with the time that its container gives it."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Colorspace

LARGEST_PICTURE = 2**26
"""Pixels of a frame, twice those of 8K; a damaged header that claims more would take the memory of the machine."""


class VideoError(ValueError):
    """A file that cannot be read as a video."""


class VideoFile:
    """A local video file of any format that FFmpeg reads, whose frames are decoded one by one.

    Frames that are damaged are left out, and what is missing is named in `gaps`.

    Args:
        path: of the file.

    Attributes:
        name: of the file.
        fps: frames per second, on average.
        expected_frames: about how many frames there are, as the file says; None where it does not.
        gaps: `(from, to)` in seconds, where `timed_frames` could not read; where nothing follows, `to` is None.

    Raises:
        FileNotFoundError: there is no such file.
        VideoError: a folder; a file that is empty, broken, no video, or sound alone.
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
        with self._opened() as container:
            stream = container.streams.video[0]
            rate = stream.average_rate or stream.guessed_rate
            if not rate:
                raise VideoError(f"{path} does not say how many frames a second has; convert it to .mp4")
            self.fps = float(rate)
            self._duration = None
            if stream.duration:
                self._duration = float(stream.duration * stream.time_base)
            elif container.duration and len(container.streams) == 1:  # sound may be longer than the picture
                self._duration = container.duration / av.time_base
            self.expected_frames = stream.frames or round((self._duration or 0) * self.fps) or None

    def fingerprint(self) -> str:
        """SHA-256 of the file's content."""
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            while part := file.read(2**20):
                digest.update(part)
        return digest.hexdigest()

    def timed_frames(self, start: int = 0) -> Iterator[tuple[np.ndarray, float]]:
        """The frames from number `start` on, uint8 RGB `[H, W, 3]`, and their seconds behind the first one of the file.

        Frames are turned upright as the file says. Frames before `start` are decoded too, since only then is it sure
        which one is number `start`, but made into no picture.

        Raises:
            VideoError: no frame can be decoded.
        """
        self.gaps = []
        before, broken, number = None, False, 0
        for frame, time in self._timed():
            if frame is None:
                broken = True
                continue
            # A damaged packet need not cost a frame.
            if broken and time > (-1 / self.fps if before is None else before) + 1.5 / self.fps:
                self.gaps.append((before or 0.0, time))
            before, broken = time, False
            if number >= start:
                yield upright(frame), time
            number += 1
        if number == 0:
            raise VideoError(f"{self.path} holds no frame that can be decoded; copy or download it again")
        if broken:
            self.gaps.append((before, None))

    def _timed(self) -> Iterator[tuple[av.VideoFrame | None, float]]:
        """Frames and their seconds behind the first; None for what cannot be decoded, a missing end included."""
        first = time = end = None
        for frame in self._decoded():
            if frame is None:
                yield None, time
                continue
            if first is None and frame.time is not None:
                first = min(
                    frame.time, float((frame.pts if self._earliest is None else self._earliest) * frame.time_base)
                )
            # Where the file gives no time, or one that does not go forward, a frame comes one after the last.
            given = 0.0 if frame.time is None else frame.time - first
            time = given if time is None or given > time else time + 1 / self.fps
            end = time + max(1 / self.fps, float((frame.duration or 0) * frame.time_base))
            yield frame, time
        if end is not None and self._duration is not None and end + 0.5 / self.fps < self._duration:
            yield None, time

    def _decoded(self) -> Iterator[av.VideoFrame | None]:
        """Frames in the order in which they are shown; None for what cannot be decoded."""
        with self._opened() as container:
            stream = container.streams.video[0]
            stream.codec_context.options = {"max_pixels": str(LARGEST_PICTURE)}
            packets, due, last = container.demux(stream), set(), None
            self._earliest: int | None = None
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
                        # Decoders drop some damaged frames without a word.
                        if min(due, default=frame.pts) < frame.pts:
                            yield None
                        due, last = {pts for pts in due if pts > frame.pts}, frame.pts
                    yield None if frame.is_corrupt else frame
            # A GIF is cut off unless it ends so, which FFmpeg does not mind.
            if container.format.name == "gif" and not self._ends_with(b"\x3b"):
                yield None
            # A second field is due half a frame later than the first, and is no frame of its own.
            if last is not None and max(due, default=last) > last + 0.75 / (self.fps * stream.time_base):
                yield None

    def _ends_with(self, last: bytes) -> bool:
        with self.path.open("rb") as file:
            file.seek(-len(last), os.SEEK_END)
            return file.read() == last

    @contextmanager
    def _opened(self) -> Iterator[av.container.InputContainer]:
        # A file object, not a name: FFmpeg would read patterns and protocols into some names.
        with self.path.open("rb") as file:
            try:
                container = av.open(file, metadata_errors="ignore")
            except (av.FFmpegError, OSError) as error:
                raise VideoError(
                    f"{self.path} is not a video that can be read ({error.strerror}); give an .mp4"
                ) from error
            with container:
                # FFmpeg's teletype reader takes any text for ANSI art.
                if container.format.name == "tty":
                    raise VideoError(f"{self.path} is a text file, not a video")
                if not container.streams.video:
                    what = "sound but no picture" if container.streams.audio else "no video stream"
                    raise VideoError(f"{self.path} has {what}; give a video file")
                if container.streams.video[0].codec_context is None:
                    raise VideoError(f"{self.path} is in a format that is not known here; convert it to .mp4")
                yield container


def upright(frame: av.VideoFrame) -> np.ndarray:
    """RGB `[H, W, 3]`, turned counterclockwise by the quarter turns of the file's display matrix."""
    # RGB has no such colour space, but older PyAVs mind the frame's own only where another one is asked for.
    picture = frame.reformat(format="rgb24", dst_colorspace=Colorspace.ITU601).to_ndarray()
    return np.rot90(picture, round(frame.rotation / 90))

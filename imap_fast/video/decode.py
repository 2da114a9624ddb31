"""`VideoFile`: reads a video file as a stream of frames as a player shows them, with their times, and reports damage.

PyAV is imported where a file is opened: whoever has arrays needs no PyAV.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from itertools import islice
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imap_fast.files import sha256_of
from imap_fast.video.container import Film, films_in, frame_rate, shown_by_default, stamps_of
from imap_fast.video.display import Display, display_axes
from imap_fast.video.images import Images
from imap_fast.video.packets import Packets
from imap_fast.video.picture import DecodedPicture, TimedPicture
from imap_fast.video.rate import MOST_FPS, SLOWEST_FPS
from imap_fast.video.shown import MAX_PIXELS, Key, Shown, shown_frames
from imap_fast.video.times import check_stretch, is_after, is_before
from imap_fast.video.tones import UNKNOWN

if TYPE_CHECKING:
    import av

MOST_SCANNED = 4
"""The number of files whose packets are remembered. Those of an hour are a megabyte, and take as long to read as some
pictures to draw."""

_SCANNED: dict[tuple[Path, int, int, int | None], Packets] = {}
"""The packets of files by path, size, time of change, and stream. An overlay, a grid and a report open a file anew."""

PHOTOGRAPHS = {"avif", "avis"}
"""The brands of files of AVIF."""

UNKNOWN_RATE = 25.0
"""Frames per second of a file in which nothing tells them, as in FFmpeg."""


class VideoError(ValueError):
    """A file that cannot be read as a video."""


class VideoFile:
    """A local video file of any format that FFmpeg supports, an animated WebP or AVIF, or a stack of TIFF images.

    Its frames are decoded one by one. Damaged ones are skipped, and the missing times are reported in `gaps`.

    Args:
        path: of the file.
        start: the time of the file at which the stretch that is read begins, in seconds or as `"1:20.5"`. None: its
            first frame.
        end: the time before which it ends. None: its last frame.
        stream: which of several films of the file to read, from 0. Cover pictures do not count. None: the one that
            players show.

    Attributes:
        name: of the file.
        start: in seconds, like `end`. None: the first frame.
        stream: as given.
        fps: frames per second, on average.
        display: what is done to show the frames that were read as a player does, as JSON values: see
            `imap_fast.video.display.Display.described`.
        gaps: `(from, to)` in seconds, where `timed_frames` could not read frames. `to` is None if no frame follows.

    Raises:
        FileNotFoundError: the file does not exist.
        VideoError: a folder, a file that is empty, damaged, no video, or only sound, or a file without this stream.
        TypeError: `start` or `end` is neither a number nor a text, or `stream` is no integer.
        ValueError: `start` or `end` is no time of a video, or not in this order, or `stream` is negative.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        start: float | str | None = None,
        end: float | str | None = None,
        stream: int | None = None,
    ) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self.stream = check_stream(stream)
        self.start, self.end = check_stretch(start, end)
        self.gaps: list[tuple[float, float | None]] = []
        self.display: dict[str, str] = {}
        if not self.path.exists():
            raise FileNotFoundError(f"{path}: no such file; give the path of a video file")
        if self.path.is_dir():
            raise VideoError(f"{path} is a folder; give the path of one video file in it")
        if self.path.stat().st_size == 0:
            raise VideoError(f"{path} is empty; copy or download it again")
        self.fps = UNKNOWN_RATE  # with which packets are read, if only they tell the rate
        self.fps = self._rate()
        if not SLOWEST_FPS <= self.fps <= MOST_FPS:
            raise VideoError(
                f"{path} has {self.fps:g} frames per second; give it a rate from {SLOWEST_FPS} to {MOST_FPS}"
            )

    def fingerprint(self) -> str:
        """SHA-256 of the content of the file."""
        return sha256_of(self.path)

    @cached_property
    def _images(self) -> Images | None:
        """The images that Pillow reads. None: FFmpeg reads the file."""
        try:
            return Images.of(self.path)
        except ValueError as error:
            raise VideoError(str(error)) from error

    def _rate(self) -> float:
        """Frames per second, on average."""
        if self._images is not None:
            if not self._images.times:
                raise VideoError(f"{self.path} holds no image that can be decoded; copy or download it again")
            self._checked_against(1)
            return self._images.fps
        with self._open_film() as film:
            fps = frame_rate(film)
        if fps is None and (step := self._packets.step) is not None:
            fps = 1 / step
        return fps or UNKNOWN_RATE

    @property
    def _packets(self) -> Packets:
        stat = self.path.stat()
        version = self.path.absolute(), stat.st_size, stat.st_mtime_ns, self.stream
        if version not in _SCANNED:
            with self._open_film() as film:
                packets = Packets.of(film, stamps_of(film, self.fps))
            while len(_SCANNED) >= MOST_SCANNED:
                del _SCANNED[next(iter(_SCANNED))]
            _SCANNED[version] = packets
        return _SCANNED[version]

    @property
    def expected_frames(self) -> int | None:
        """The number of packets in the stretch: nearly the number of frames. None if there is none."""
        if self._images is not None:
            times = self._images.times
            return sum(not is_before(at, self.start) and not is_after(at, self.end) for at in times) or None
        return self._packets.count(self.start, self.end) or None

    def timed_frames(self, number: int = 0) -> Iterator[tuple[np.ndarray, float]]:
        """Yield the frames of the stretch from `number` on, uint8 RGB `[H, W, 3]`, and their times in seconds from the
        first frame of the file.

        Frames are turned and mirrored as the file specifies. The errors are those of `pictures`.
        """
        for picture, seconds in islice(self.pictures(), number, None):
            yield picture.pixels(), seconds

    def pictures(self) -> Iterator[TimedPicture]:
        """Yield the frames of the stretch, and their times in seconds from the first frame of the file.

        Their pixels are made when they are asked for.

        Raises:
            VideoError: no frame can be decoded, the stretch has none, or frames are turned by other than quarter turns.
        """
        self.gaps, self.display = [], {}
        before: float | None = None
        count = 0
        for shown in self._shown():
            if shown is None:
                self.gaps.append((before or 0.0, None))
                break
            is_over = is_after(shown.seconds, self.end)
            if not is_before(shown.seconds, self.start):
                # A loss that ends where the stretch begins is not its own.
                if shown.is_after_loss and (self.start is None or is_before(self.start, shown.seconds)):
                    self.gaps.append((before or 0.0, shown.seconds))
                if not is_over:
                    self.display |= shown.frame.display.described()
                    yield TimedPicture(shown.frame, shown.seconds)
                count += not is_over
            before = shown.seconds
            if is_over:
                break
        if before is None:
            raise VideoError(f"{self.path} holds no frame that can be decoded; copy or download it again")
        if count == 0:
            end = "its end" if self.end is None else f"{self.end:g} s"
            raise VideoError(
                f"{self.path} has no frame from {self.start or 0:g} s to {end}, but has one at {before:.2f} s; give "
                "times of the video"
            )

    def _shown(self) -> Iterator[Shown[DecodedPicture] | None]:
        """Yield pictures with their times, at least those of the stretch. None at the end: further ones are lost."""
        if self._images is not None:
            yield from self._images_shown(self._images)
            return
        if self.start and (key := self._packets.key_before(self.start)) is not None:
            with self._open_film() as film:
                frames = self._pictures_of(film, key)
                for first in frames:
                    # Then only the whole file tells what is lost, and when.
                    if first is None or first.is_after_loss:
                        break
                    if not is_before(first.seconds, self.start):
                        yield first
                        yield from frames
                        return
        with self._open_film() as film:
            yield from self._pictures_of(film)
            # A complete GIF ends with this byte. FFmpeg does not check it.
            if film.container.format.name == "gif" and not self._ends_with(b"\x3b"):
                yield None

    def _images_shown(self, images: Images) -> Iterator[Shown[DecodedPicture] | None]:
        import av

        try:
            with self._open_film() as film:
                codec = film.stream.codec_context
                primaries, transfer = int(codec.color_primaries), int(codec.color_trc)
        except VideoError:  # FFmpeg cannot read it at all
            primaries = transfer = UNKNOWN
        for pixels, seconds in images.frames():
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            display = replace(Display.of(frame, axes=images.axes), primaries=primaries, transfer=transfer)
            yield Shown(DecodedPicture(frame, display), seconds, False)
        if not images.is_whole:
            yield None

    def _pictures_of(self, film: Film, key: Key | None = None) -> Iterator[Shown[DecodedPicture] | None]:
        pixel_aspect = film.stream.sample_aspect_ratio or Fraction(1)
        is_photograph = film.container.metadata.get("major_brand") in PHOTOGRAPHS
        for shown in shown_frames(film, self.fps, key):
            if shown is None:
                yield None
            else:
                yield Shown(self._picture(shown.frame, pixel_aspect, is_photograph), shown.seconds, shown.is_after_loss)

    def _picture(self, frame: av.VideoFrame, pixel_aspect: Fraction, is_photograph: bool) -> DecodedPicture:
        axes = display_axes(frame)
        if axes is None:
            raise VideoError(f"{self.path} is to be shown turned by other than quarter turns; turn its pixels instead")
        display = Display.of(frame, pixel_aspect, axes, is_photograph=is_photograph)
        height, width = display.size
        if not 0 < height * width <= MAX_PIXELS:
            raise VideoError(
                f"{self.path} is to be shown as {width} × {height} pixels, because its pixels are "
                f"{pixel_aspect.numerator}:{pixel_aspect.denominator}; correct their aspect"
            )
        return DecodedPicture(frame, display)

    def _ends_with(self, last: bytes) -> bool:
        with self.path.open("rb") as file:
            file.seek(-len(last), os.SEEK_END)
            return file.read() == last

    @contextmanager
    def _open_film(self) -> Iterator[Film]:
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
                film = self._film_in(container)
                if film.stream.codec_context is None:
                    raise VideoError(f"{self.path} has a format that is not supported; convert it to .mp4")
                if film.stream.codec_context.width * film.stream.codec_context.height > MAX_PIXELS:
                    raise VideoError(f"{self.path} has frames of more than {MAX_PIXELS:,} pixels; make them smaller")
                yield film

    def _film_in(self, container: av.container.InputContainer) -> Film:
        films = films_in(container)
        if not films:
            content = "sound but no picture" if container.streams.audio else "no video stream"
            raise VideoError(f"{self.path} has {content}; give a video file")
        if self.stream is None:
            return shown_by_default(films)
        return films[self._checked_against(len(films))]

    def _checked_against(self, count: int) -> int:
        """The number of the stream in a file of `count` films."""
        stream = self.stream or 0
        if stream >= count:
            others = (
                "which has 1 film; omit it" if count == 1 else f"whose films are 0 to {count - 1}; give one of them"
            )
            raise VideoError(f"stream={stream} is not in {self.path}, {others}")
        return stream


def check_stream(stream: Any) -> int | None:
    """The argument `stream`.

    Raises:
        TypeError: no integer.
        ValueError: a negative one.
    """
    if stream is None:
        return None
    if isinstance(stream, bool) or not isinstance(stream, Integral):
        raise TypeError(f"stream={stream!r} is no number of a film; give 0 for the first one")
    if stream < 0:
        raise ValueError(f"stream={stream!r} is no number of a film; give 0 for the first one")
    return int(stream)

"""`ImageSequence`: files of several images that FFmpeg takes for one: animated WebP and AVIF, and stacks of TIFF."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL import ImageSequence as Images

from imap_fast.video.shown import MAX_PIXELS

FORMATS = ("WEBP", "AVIF", "TIFF")

TIFF_SECONDS = 1 / 25
"""How long an image of a stack is shown: nothing tells, so as long as FFmpeg shows one."""

SHORTEST_SECONDS = 0.1
"""How long an image without a duration is shown, as in browsers."""


class _ImagesError(ValueError):
    """Images that are whole, and cannot be read as a video."""


@dataclass(frozen=True)
class ImageSequence:
    """The images of a file, which Pillow decodes.

    Attributes:
        path: of the file.
        times: when each image that can be decoded begins, in seconds.
        end: of the last one.
        is_whole: whether no image is damaged. Those after a damaged one are not read.
    """

    path: Path
    times: tuple[float, ...]
    end: float
    is_whole: bool

    @classmethod
    def of(cls, path: Path) -> ImageSequence | None:
        """The images of a file, each decoded once to know its time. None: FFmpeg can play the file.

        Raises:
            ValueError: images of more than `MAX_PIXELS` pixels, or of values without a range of 0 to 255.
        """
        try:
            with _opened(path) as image:
                if not getattr(image, "is_animated", False):
                    return None
        except UnidentifiedImageError:
            return None
        except Exception:  # whatever a decoder raises about bytes
            return cls(path, (), 0.0, False)
        times, end, is_whole = [], 0.0, True
        try:
            for _, seconds in _decoded(path):
                times.append(end)
                end += seconds
        except _ImagesError:
            raise
        except Exception:  # as above
            is_whole = False
        return cls(path, tuple(times), end, is_whole)

    @property
    def fps(self) -> float:
        """Images per second, on average."""
        return len(self.times) / self.end

    def frames(self) -> Iterator[tuple[np.ndarray, float]]:
        """Yield the images, uint8 RGB `[H, W, 3]`, and their times in seconds."""
        for seconds, (image, _) in zip(self.times, _decoded(self.path), strict=False):
            yield _rgb(image), seconds


def _opened(path: Path) -> Image.Image:
    return Image.open(path, formats=FORMATS)


def _decoded(path: Path) -> Iterator[tuple[Image.Image, float]]:
    """Yield each image, and how long it is shown, in seconds."""
    with _opened(path) as file:
        for image in Images.Iterator(file):
            if image.width * image.height > MAX_PIXELS:
                raise _ImagesError(f"{path} has images of more than {MAX_PIXELS:,} pixels; make them smaller")
            if image.mode[0] in "IF":
                raise _ImagesError(
                    f"{path} has images of the mode {image.mode}, whose range is unknown; convert them to 8 bits"
                )
            image.load()
            yield (
                image,
                TIFF_SECONDS if file.format == "TIFF" else image.info.get("duration", 0) / 1000 or SHORTEST_SECONDS,
            )


def _rgb(image: Image.Image) -> np.ndarray:
    """An image on black."""
    if "A" in image.getbands() or "transparency" in image.info:
        above = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", above.size, (0, 0, 0, 255)), above)
    return np.asarray(image.convert("RGB"))

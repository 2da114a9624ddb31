"""`ImageSequence`: files of several images that FFmpeg takes for one: animated WebP and AVIF, and stacks of TIFF."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageSequence, TiffImagePlugin, UnidentifiedImageError

from imap_fast.video.display import TURN_OF_EXIF, UPRIGHT, Axes
from imap_fast.video.shown import MAX_PIXELS

FORMATS = ("WEBP", "AVIF", "TIFF")
"""As Pillow calls them. Before 11.3 it has no AVIF."""

TIFF_SECONDS = 1 / 25
"""How long an image of a stack is shown: nothing tells, so as long as FFmpeg shows one."""

SHORTEST_SECONDS = 0.1
"""How long an image without a duration is shown, as in browsers."""

REDUCED = 1
"""The bit of the TIFF tag NewSubfileType that tells a smaller copy of another image."""

MOST_KNOWN = 4
"""The number of files whose times are remembered: an overlay, a grid and a report open a file anew."""


class _ImagesError(ValueError):
    """Images that are whole, and cannot be read as a video."""


@dataclass(frozen=True)
class Images:
    """The images of a file, which Pillow decodes.

    Attributes:
        path: of the file.
        times: when each image that can be decoded begins, in seconds.
        end: of the last one.
        is_whole: whether no image is damaged. Those after a damaged one are not read.
        axes: how what Pillow gives is to be turned and mirrored, by the EXIF tag of the first one.
    """

    path: Path
    times: tuple[float, ...]
    end: float
    is_whole: bool
    axes: Axes = UPRIGHT

    @classmethod
    def of(cls, path: Path) -> Images | None:
        """The images of a file, each decoded once to know its time. None: FFmpeg can play the file.

        Raises:
            ValueError: images of more than `MAX_PIXELS` pixels, or of values without a range of 0 to 255.
        """
        stat = path.stat()
        return _images_of(path.absolute(), stat.st_size, stat.st_mtime_ns)

    @property
    def fps(self) -> float:
        """Images per second, on average."""
        return len(self.times) / self.end

    def frames(self) -> Iterator[tuple[np.ndarray, float]]:
        """Yield the images as they are stored, uint8 RGB `[H, W, 3]`, and their times in seconds."""
        for seconds, (image, _) in zip(self.times, _decoded(self.path), strict=False):
            yield _rgb(image), seconds


@lru_cache(maxsize=MOST_KNOWN)
def _images_of(path: Path, size: int, changed: int) -> Images | None:
    """See `Images.of`. `size` and `changed` tell versions of a file apart."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of damage that is told here
        try:
            with _opened(path) as file:
                sizes = {image.size for image in _pages(file)}
                orientation = file.getexif().get(ExifTags.Base.Orientation, 1)
                # FFmpeg 8.0 does not turn these.
                is_turned_tiff = file.format == "TIFF" and orientation in TURN_OF_EXIF
                # Images of several sizes are copies of one, or pages of a document.
                if len(sizes) > 1 or not (getattr(file, "is_animated", False) or is_turned_tiff):
                    return None
        except UnidentifiedImageError:
            return None
        except Image.DecompressionBombError as error:  # Pillow's own limit, which is higher
            raise _too_large(path) from error
        except Exception:  # whatever a decoder raises about bytes
            return Images(path, (), 0.0, False)
        times, end, is_whole = [], 0.0, True
        try:
            for _, seconds in _decoded(path):
                times.append(end)
                end += seconds
        except _ImagesError:
            raise
        except Exception:  # as above
            is_whole = False
        axes = UPRIGHT if file.format == "TIFF" else TURN_OF_EXIF.get(orientation, UPRIGHT)  # Pillow itself turns TIFF
        return Images(path, tuple(times), end, is_whole, axes)


def _opened(path: Path) -> Image.Image:
    Image.init()
    return Image.open(path, formats=[each for each in FORMATS if each in Image.OPEN])


def _pages(file: Image.Image) -> Iterator[Image.Image]:
    """Yield the images of a file, without smaller copies of others."""
    for image in ImageSequence.Iterator(file):
        if not (isinstance(image, TiffImagePlugin.TiffImageFile) and image.tag_v2.get(254, 0) & REDUCED):
            yield image


def _decoded(path: Path) -> Iterator[tuple[Image.Image, float]]:
    """Yield each image, and how long it is shown, in seconds."""
    with _opened(path) as file:
        for image in _pages(file):
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(path)
            if image.mode[0] in "IF":
                raise _ImagesError(
                    f"{path} has images of the mode {image.mode}, whose range is unknown; convert them to 8 bits"
                )
            image.load()
            shown = TIFF_SECONDS if file.format == "TIFF" else image.info.get("duration", 0) / 1000
            yield image, shown or SHORTEST_SECONDS


def _too_large(path: Path) -> _ImagesError:
    return _ImagesError(f"{path} has images of more than {MAX_PIXELS:,} pixels; make them smaller")


def _rgb(image: Image.Image) -> np.ndarray:
    """The pixels of an image, on black."""
    if "A" in image.getbands() or "transparency" in image.info:
        above = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", above.size, (0, 0, 0, 255)), above)
    return np.array(image.convert("RGB"))

"""Finds and reads the pictures of a data set: frames and masks."""

import re
from collections.abc import Collection, Sequence
from itertools import pairwise
from pathlib import Path

from PIL import ExifTags, Image

from imap_fast.video.shown import MAX_PIXELS

FRAME_SUFFIXES = (".jpg", ".jpeg", ".png")
MASK_SUFFIXES = (".png",)


def pictures_in(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files in a folder with one of these suffixes, in any case. Numbers in names count: 2.png is before 10.png.

    Hidden files are none: macOS writes a `._00000.jpg` beside a `00000.jpg`. A missing folder has no files.
    """
    files = (file for file in folder.glob("*") if file.suffix.lower() in suffixes and not file.name.startswith("."))
    return sorted(files, key=lambda file: (natural(file.stem), file.name))


def folders_in(folder: Path) -> set[str]:
    """The names of the folders in a folder, except hidden ones. A name that leads elsewhere is none of them."""
    return {each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith(".")}


def refuse_twins(files: Sequence[Path]) -> None:
    """Raise ValueError if two of the files from `pictures_in` have the same place, such as 3.png and 03.png."""
    for one, other in pairwise(files):
        if natural(one.stem) == natural(other.stem):
            raise ValueError(f"{one} and {other.name} have the same place among the frames; remove one of them")


def natural(name: str) -> list[int | str]:
    """A name with numbers as numbers, to sort by. Every second part is one."""
    return [int(part) if number % 2 else part for number, part in enumerate(re.split(r"(\d+)", name))]


def read_picture(path: Path) -> Image.Image:
    """A picture whose pixels are in memory.

    Raises:
        ValueError: the file is missing, damaged or no picture, has more than `MAX_PIXELS` pixels, or a tag says that
            it is to be shown rotated or mirrored.
    """
    if not path.is_file():  # a pipe would be read without end
        raise ValueError(f"{path} is {'not a regular file' if path.exists() else 'missing'}; copy it again")
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise Image.DecompressionBombError
            picture.load()
            orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except MemoryError:
        raise
    except Image.DecompressionBombError as error:  # Pillow's own limit is higher
        raise ValueError(f"{path} has more than {MAX_PIXELS:,} pixels; make it smaller") from error
    except Exception as error:  # whatever a decoder raises about bytes
        raise ValueError(f"{path} cannot be read as a picture ({error}); copy it again") from error
    if orientation in range(2, 9):  # other numbers mean nothing
        raise ValueError(f"{path} has the EXIF orientation {orientation}; rotate its pixels and remove the tag")
    return picture

"""Reads the pictures of a data set: frames and masks."""

from pathlib import Path

from PIL import Image

from imap_fast.video.decode import MAX_PIXELS


def read_picture(path: Path) -> Image.Image:
    """A picture whose pixels are in memory.

    Raises:
        ValueError: the file is missing, damaged or no picture, or it has more than `MAX_PIXELS` pixels.
    """
    if not path.is_file():  # a pipe would be read without end
        raise ValueError(f"{path} is {'not a regular file' if path.exists() else 'missing'}; copy it again")
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise Image.DecompressionBombError
            picture.load()
    except MemoryError:
        raise
    except Image.DecompressionBombError as error:  # Pillow's own limit is higher
        raise ValueError(f"{path} has more than {MAX_PIXELS:,} pixels; make it smaller") from error
    except Exception as error:  # whatever a decoder raises about bytes
        raise ValueError(f"{path} cannot be read as a picture ({error}); copy it again") from error
    return picture

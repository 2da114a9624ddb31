"""Masks as pictures of numbers: each pixel has the number of one concept, or 0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from imap_fast.masks.formats.pictures import frame_name
from imap_fast.masks.values import MaskValues
from imap_fast.text.words import is_background

MOST = 254
"""The highest number of a concept in 8 bits. Readers take 255 for void."""


def check_numbered(clips: Mapping[str, MaskValues], format: str, most: int = MOST) -> None:
    """Refuse masks that cannot be numbers.

    Args:
        clips: the masks by the name of their clip.
        format: its name.
        most: the most concepts of a clip.

    Raises:
        ValueError: masks that may overlap, more concepts than numbers, or one that means the background, which is 0.
    """
    for name, clip in clips.items():
        if not clip.exclusive:
            raise ValueError(
                f"{format} has one number for each pixel, and the masks of {name!r} may overlap; make them with "
                "exclusive=True"
            )
        if len(clip.labels) > most:
            raise ValueError(
                f"{format} has numbers for {most} concepts, and {name!r} has {len(clip.labels)}; name fewer"
            )
        for label in filter(is_background, clip.labels):
            raise ValueError(f"{format} has no mask of the {label}, which is 0 there; leave it out")


def write_numbers(
    clip: MaskValues, numbers: Sequence[int], folder: Path, palette: Sequence[Sequence[int]] | None = None
) -> dict[str, list[str]]:
    """Write a picture for each frame into a new folder, as it is made.

    Args:
        clip: the masks, which exclude each other.
        numbers: of its concepts. With one above 255, pictures have 16 bits.
        folder: of the pictures.
        palette: the colours of numbers. None: grey.

    Returns:
        The names of the frames in which each concept is, by its label. A concept that is in none is left out.
    """
    folder.mkdir(parents=True)
    shown: dict[str, list[str]] = {}
    for number, pixels in enumerate(_numbered(clip, numbers)):
        picture = Image.fromarray(pixels)
        if palette is not None:
            picture.putpalette(list(chain.from_iterable(palette)))
        picture.save(folder / f"{frame_name(number)}.png")
        present = set(np.unique(pixels).tolist())
        for label, own in zip(clip.labels, numbers, strict=True):
            if own in present:
                shown.setdefault(label, []).append(frame_name(number))
    return {label: shown[label] for label in clip.labels if label in shown}


def _numbered(clip: MaskValues, numbers: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield the numbers of the pixels of each frame, uint8 or uint16 `[H, W]`."""
    dtype = np.uint8 if max(numbers) <= 255 else np.uint16
    for place, (masks, _) in zip(range(clip.num_frames), clip.frames(), strict=True):
        pixels = np.zeros((clip.height, clip.width), dtype)
        for mask, number in zip(masks, numbers, strict=True):
            pixels[mask] = number
        if np.count_nonzero(pixels) < np.count_nonzero(masks):
            raise ValueError(f"masks of frame {place} overlap, although they are exclusive; make them again")
        yield pixels

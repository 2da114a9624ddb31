"""Masks as pictures of numbers: each pixel has the number of one concept, or 0."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from imap_fast.masks.formats.pictures import frame_name
from imap_fast.masks.values import MaskValues
from imap_fast.text.words import is_background

VOID = 255
"""A number that readers take for void, in 16 bits, too."""


def check_numbered(clips: Mapping[str, MaskValues], format: str) -> None:
    """Refuse masks that cannot be numbers.

    Raises:
        ValueError: masks of a clip may overlap, or one means the background, which is 0.
    """
    for name, clip in clips.items():
        if not clip.exclusive:
            raise ValueError(
                f"{format} has one number for each pixel, and the masks of {name!r} may overlap; make them with "
                "exclusive=True"
            )
        for label in filter(is_background, clip.labels):
            raise ValueError(f"{format} has no mask of the {label}, which is 0 there; leave it out")


def numbers_of(labels: Collection[str], format: str, highest: int = VOID - 1) -> dict[str, int]:
    """The number of each label: its place, from 1 on, without that of void.

    Raises:
        ValueError: there are more labels than numbers.
    """
    numbers = [number for number in range(1, highest + 1) if number != VOID]
    if len(labels) > len(numbers):
        raise ValueError(f"{format} has numbers for {len(numbers)} concepts, not for {len(labels)}; name fewer")
    return dict(zip(labels, numbers, strict=False))


def write_numbers(
    clip: MaskValues, number_of: Mapping[str, int], folder: Path, palette: Sequence[Sequence[int]] | None = None
) -> dict[str, list[str]]:
    """Write a picture for each frame into a new folder, as it is made.

    Args:
        clip: the masks, which exclude each other.
        number_of: of its labels. With one above 255, pictures have 16 bits.
        folder: of the pictures.
        palette: the colours of numbers. None: grey.

    Returns:
        The names of the frames in which each concept is, by its label. A concept that is in none is left out.
    """
    folder.mkdir(parents=True)
    numbers = [number_of[label] for label in clip.labels]
    shown: dict[str, list[str]] = {label: [] for label in clip.labels}
    for place, (masks, _) in zip(range(clip.num_frames), clip.frames(), strict=True):
        picture = Image.fromarray(_numbered(masks, numbers, place))
        if palette is not None:
            picture.putpalette(list(chain.from_iterable(palette)))
        picture.save(folder / f"{frame_name(place)}.png")
        for label, mask in zip(clip.labels, masks, strict=True):
            if mask.any():
                shown[label].append(frame_name(place))
    return {label: frames for label, frames in shown.items() if frames}


def _numbered(masks: np.ndarray, numbers: Sequence[int], place: int) -> np.ndarray:
    """The numbers of the pixels of a frame, uint8 or uint16 `[H, W]`."""
    pixels = np.zeros(masks.shape[1:], np.uint8 if max(numbers) <= 255 else np.uint16)
    for mask, number in zip(masks, numbers, strict=True):
        pixels[mask] = number
    if np.count_nonzero(pixels) < np.count_nonzero(masks):
        raise ValueError(f"masks of frame {place} overlap, although they are exclusive; make them again")
    return pixels

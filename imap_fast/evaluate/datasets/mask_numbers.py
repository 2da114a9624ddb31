"""The numbers of objects in the masks of a clip, however they are saved.

What a pixel says depends on the mode of the pictures:

- A palette, or grey in 8 or 16 bits: the pixel is the number of its object. 0 is the background. 255, and 65535 in
  16 bits, are void, unless an object has that number.
- Black and white: white is object 1, as in DAVIS 2016. This holds if all masks of a clip are of 0 and 255 alone.
- RGB: black is the background, (224, 224, 192) is void, and each other colour is an object. If all colours of a clip
  are of the first 22 of DAVIS and PASCAL VOC, the number of a colour is its place there. Otherwise they have the
  numbers 1, 2, … in ascending order of (R, G, B). If all colours are grey, they are read as grey.
"""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from imap_fast.evaluate.datasets.pictures import read_picture
from imap_fast.evaluate.datasets.sizes import fitted
from imap_fast.masks.palette import DAVIS_COLOURS, DAVIS_PALETTE, VOC_PALETTE

VOID, DEEP_VOID = 255, 65_535
"""The void numbers of 8 and of 16 bits."""

MOST_UNNAMED = 16
"""The most numbers or colours of a clip, beside those with a name. A clip with more was smoothed, or compressed with
loss, which makes many values of two."""

_NEARLY_WHITE = 240
"""From here on, a number that no object has is of the edge of something white that was smoothed."""

_KINDS = {"1": "1-bit", "L": "grey", "P": "palette", "I": "deep", "I;16": "deep", "RGB": "RGB", "RGBA": "RGB"}
"""What a mode of Pillow says. It reads 16 bits as "I;16" or "I"."""

_BLACK, _GREY = 0, 0x010101
"""A colour, and what is between two greys."""


def read_numbers(
    files: Sequence[Path], size: tuple[int, int], named: Collection[int], *, are_labels: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the objects in the masks of a clip, and where they are void.

    Args:
        files: the masks.
        size: height and width of the frames. Masks of another resolution take the nearest pixel.
        named: the numbers that have a name. They are never void.
        are_labels: whether pixels are numbers in any case. Then RGB is refused, and white is never object 1.

    Returns:
        uint16 `[n, H, W]`, 0 where nothing or void is, and bool `[n, H, W]`.

    Raises:
        ValueError: a mask cannot be read, has another shape than the frames or a mode that has no numbers, or masks of
            a clip are of different kinds.
    """
    masks = [(file, *_pixels(file, are_labels=are_labels)) for file in files]
    kinds = {kind: file for file, kind, _, _ in masks}
    if len(kinds) > 1 and "RGB" in kinds:
        other = next(file for kind, file in kinds.items() if kind != "RGB")
        raise ValueError(f"{kinds['RGB']} is RGB and {other.name} is not; save all masks of a clip alike")
    values = np.unique(np.concatenate([np.unique(pixels) for _, _, pixels, _ in masks]))
    if "1-bit" in kinds and len(kinds) > 1 and not set(values.tolist()) <= {0, VOID}:
        other = next(file for kind, file in kinds.items() if kind != "1-bit")
        raise ValueError(f"{kinds['1-bit']} is black and white and {other.name} is not; save all masks of a clip alike")
    kinds = {"grey" if kind == "1-bit" else kind: file for kind, file in kinds.items()}
    if "RGB" in kinds and not (values % _GREY).any():
        masks = [(file, "grey", pixels // _GREY, True) for file, _, pixels, _ in masks]
        values, kinds = values // _GREY, {"grey": files[0]}
    numbers, void_values = _meanings(
        values, kinds, named, files, is_white=all(white for *_, white in masks), are_labels=are_labels
    )
    found, void = [], []
    for file, _, pixels, _ in masks:
        places = fitted(np.searchsorted(values, pixels), size, file)
        found.append(numbers[places])
        void.append(void_values[places])
    return np.stack(found), np.stack(void)


def _pixels(file: Path, *, are_labels: bool) -> tuple[str, np.ndarray, bool]:
    """The kind of a mask, its pixels `[h, w]`, and whether its 255 is white. A colour is one number."""
    picture = read_picture(file)
    kind = _KINDS.get(picture.mode)
    pixels = np.asarray(picture)
    if kind == "RGB" and picture.mode == "RGBA":
        kind, pixels = ("RGB" if (pixels[..., 3] == 255).all() else None), pixels[..., :3]
    if kind is None or (are_labels and kind == "RGB"):
        wanted = "grey, or with a palette" if are_labels else "grey, RGB, or with a palette"
        raise ValueError(f"{file} has the mode {picture.mode}; give opaque masks, {wanted}")
    if kind == "RGB":
        return kind, pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32), False
    if picture.mode == "1":
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    is_white = kind != "palette" or (picture.getpalette() or [])[3 * 255 : 3 * 256] == [255] * 3
    return kind, pixels, is_white


def _meanings(
    values: np.ndarray,
    kinds: Collection[str],
    named: Collection[int],
    files: Sequence[Path],
    *,
    is_white: bool,
    are_labels: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """The number of each value of the pixels of a clip, uint16, and whether it is void."""
    if "RGB" in kinds:
        return _of_colours(values, named, files[0].parent)
    white = DEEP_VOID if DEEP_VOID in values else VOID
    is_binary = (
        is_white and not are_labels and len(kinds) == 1 and white in values and set(values.tolist()) <= {0, white}
    )
    if is_binary and white not in named:
        return (values == white).astype(np.uint16), np.zeros(len(values), bool)
    void = np.isin(values, [number for number in _void_numbers(kinds) if number not in named])
    if "palette" not in kinds and void.any() and not are_labels:
        _refuse_smoothed(values[(values > 0) & ~void], named, files[0].parent)
    return np.where(void, 0, values).astype(np.uint16), void


def _void_numbers(kinds: Collection[str]) -> tuple[int, ...]:
    return (VOID, DEEP_VOID) if "deep" in kinds else (VOID,)


def _of_colours(colours: np.ndarray, named: Collection[int], folder: Path) -> tuple[np.ndarray, np.ndarray]:
    objects = [colour for colour in colours.tolist() if colour not in (_BLACK, _VOID_COLOUR)]
    of_davis = all(colour in _DAVIS for colour in objects)
    number_of = _DAVIS if of_davis else {colour: number for number, colour in enumerate(objects, 1)}
    _refuse_smoothed([number_of[colour] for colour in objects], named, folder)
    numbers = [number_of[colour] if colour in objects else 0 for colour in colours.tolist()]
    return np.array(numbers, np.uint16), colours == _VOID_COLOUR


def _refuse_smoothed(numbers: Iterable[int], named: Collection[int], folder: Path) -> None:
    unnamed = set(map(int, numbers)) - set(named)
    if len(unnamed) > MOST_UNNAMED or any(_NEARLY_WHITE <= number < VOID for number in unnamed):
        raise ValueError(
            f"the masks in {folder} have values that no object has, such as {max(unnamed)}; give masks that were "
            "neither smoothed nor compressed with loss"
        )


def _packed(colour: Sequence[int]) -> int:
    """A colour (R, G, B) as one number."""
    return int.from_bytes(bytes(colour), "big")


_DAVIS = {
    _packed(palette[number]): number for palette in (VOC_PALETTE, DAVIS_PALETTE) for number in range(1, DAVIS_COLOURS)
}
"""The number of each colour."""

_VOID_COLOUR = _packed(VOC_PALETTE[VOID])

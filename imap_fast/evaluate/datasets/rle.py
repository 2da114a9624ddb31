"""Masks as COCO writes them: run lengths, column by column, beginning with the background.

A file of them comes from somebody else. So everything is checked before memory is taken for the mask.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from imap_fast.video.shown import MAX_PIXELS

_MOST_BITS = 35
"""The bits of a run's length that are read: seven characters. A mask has far fewer pixels than that."""


def decode_rle(rle: Any, size: tuple[int, int]) -> np.ndarray:
    """A mask, bool `[H, W]`.

    Args:
        rle: `{"size": [H, W], "counts": …}`, whose counts are the compressed text of COCO, or a list of lengths.
        size: of the frame.

    Raises:
        ValueError: another form, another size than that of the frame or more than `MAX_PIXELS`, a negative length, or
            lengths that are not those of all pixels.
    """
    if not isinstance(rle, dict) or not {"size", "counts"} <= rle.keys():
        raise ValueError('a mask is no {"size": [height, width], "counts": …}')
    if rle["size"] != list(size):
        raise ValueError(f"a mask has the size {str(rle['size'])[:40]}, and its frame {list(size)}")
    height, width = size
    if height * width > MAX_PIXELS:
        raise ValueError(f"a mask has more than {MAX_PIXELS:,} pixels")
    lengths = np.array(_lengths(rle["counts"], height * width), np.int64)
    return np.repeat(np.arange(len(lengths)) % 2 > 0, lengths).reshape(width, height).T


def _lengths(counts: Any, pixels: int) -> list[int]:
    """The lengths of the runs, which fill the mask exactly."""
    if isinstance(counts, str):
        lengths = list(_uncompressed(counts))
    elif isinstance(counts, list) and all(type(count) is int for count in counts):
        lengths = counts
    else:
        raise ValueError("the counts of a mask are neither text nor whole numbers")
    if min(lengths, default=0) < 0 or sum(lengths) != pixels:
        raise ValueError("the counts of a mask do not fill it")
    return lengths


def _uncompressed(counts: str) -> Iterator[int]:
    """The numbers of a text: five bits in each character, the lowest first; the sixth bit says that more follow.

    From the fourth number on, each is written as the difference to the one before the last.
    """
    before, last, number, value, bits = 0, 0, 0, 0, 0
    for character in counts:
        code = ord(character) - 48
        if not 0 <= code < 64 or bits >= _MOST_BITS:
            raise ValueError("the counts of a mask are no text of COCO")
        value |= (code & 31) << bits
        bits += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << bits
        if number > 2:
            value += before
        yield value
        before, last, number, value, bits = last, value, number + 1, 0, 0
    if bits:
        raise ValueError("the counts of a mask end within a number")

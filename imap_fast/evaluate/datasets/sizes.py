"""Masks in the size of their frames."""

from pathlib import Path

import numpy as np

SMALLEST_SHARE = 8
"""A mask has at least this part of the sides of its frame. A smaller one says little of its shape."""


def fitted(mask: np.ndarray, size: tuple[int, int], path: Path) -> np.ndarray:
    """A mask `[h, w]` in the size of its frame: each pixel of the frame takes the nearest one of the mask.

    Masks are often kept at another resolution. Then their sides are those of the frame, scaled and rounded.

    Args:
        mask: of any dtype.
        size: height and width of the frame.
        path: of the mask, for the error.

    Raises:
        ValueError: the mask has another aspect ratio than its frame, by more than rounding explains.
    """
    (height, width), (frame_height, frame_width) = mask.shape, size
    if (height, width) == (frame_height, frame_width):
        return mask
    is_tiny = min(height, width) * SMALLEST_SHARE < min(frame_height, frame_width)
    if is_tiny or abs(height * frame_width - frame_height * width) > max(width, frame_width):  # a pixel of the height
        raise ValueError(
            f"{path} is {[height, width]} and its frame {[frame_height, frame_width]}, which is another shape; give "
            "masks of the whole frame"
        )
    return mask[np.ix_(_nearest(height, frame_height), _nearest(width, frame_width))]


def _nearest(count: int, wanted: int) -> np.ndarray:
    """The pixel of `count` whose middle is nearest to that of each of `wanted`."""
    return (2 * np.arange(wanted) + 1) * count // (2 * wanted)

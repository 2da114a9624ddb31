"""How well the boundaries of two masks of one frame match: F of DAVIS."""

from math import ceil, isqrt

import numpy as np

TOLERANCE = 0.008
"""The distance within which boundaries match, as a part of the diagonal. It is rounded up to whole pixels."""


def boundary_f(predicted: np.ndarray, mask: np.ndarray) -> float:
    """The harmonic mean of the parts of both boundaries that lie near the other one.

    Two masks without a boundary have 1, and one without a boundary has 0 against one with.

    Args:
        predicted: bool `[H, W]`.
        mask: bool `[H, W]`.
    """
    radius = ceil(TOLERANCE * np.linalg.norm(mask.shape))
    found, wanted = boundary(predicted), boundary(mask)
    if not found.any() or not wanted.any():
        return float(found.any() == wanted.any())
    precision = (found & dilated(wanted, radius)).sum() / found.sum()
    recall = (wanted & dilated(found, radius)).sum() / wanted.sum()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def boundary(mask: np.ndarray) -> np.ndarray:
    """The pixels that differ from the next one to the right, below, or right below, bool `[H, W]`."""
    # What lies beyond the picture is as its last row and column.
    beyond = np.pad(mask, (0, 1), "edge")
    return (mask != beyond[:-1, 1:]) | (mask != beyond[1:, :-1]) | (mask != beyond[1:, 1:])


def dilated(mask: np.ndarray, radius: int) -> np.ndarray:
    """The pixels at most `radius` away from a pixel of the mask, bool `[H, W]`."""
    height, runs, reached = len(mask), mask.copy(), 0
    found = np.zeros_like(mask)
    # A disk is a stack of horizontal runs, which become longer towards its middle.
    for rows in range(radius, -1, -1):
        half = isqrt(radius**2 - rows**2)
        for columns in range(reached + 1, half + 1):
            runs[:, columns:] |= mask[:, :-columns]
            runs[:, :-columns] |= mask[:, columns:]
        reached = half
        found[rows:] |= runs[: max(height - rows, 0)]
        found[: max(height - rows, 0)] |= runs[rows:]
    return found

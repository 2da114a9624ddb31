"""Frames as sketches, 24 × 32 cells of colour, and how much one differs from another, in integers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

ROWS, COLUMNS = 24, 32
"""The cells of a sketch."""
BLOCK = 4
"""The side of a block in cells. Blocks are looked for in the other frame."""

CHANGED = 12
"""A block that differs by more, in levels of 255 summed over the channels, is not found in the other frame. A block
that varies by more has something to be found."""
LEAST_LEVEL = 3
"""Sketches that differ by less, in levels on average, are not brought to the same exposure."""

DARKEST, BRIGHTEST = 5, 250
"""Cells at these levels may be clipped."""

BLANK_CONTRAST, BLACK, WHITE = 6, 24, 231
"""A sketch of no larger contrast that is darker or brighter is blank."""

FULL_RANGE, MOST_GAIN = 96, 4
"""Two sketches of a smaller range of levels are brought to it, by a whole factor up to this one."""


class Sketch:
    """A frame as cells of colour.

    Attributes:
        cells: uint8 `[24, 32, 3]`.
        coarse: the same in blocks of 4 × 4 cells, int64 `[144]`.
        light: the mean brightness, 0 to 255.
        is_blank: it is black or white all over.
    """

    def __init__(self, frame: np.ndarray) -> None:
        # Pillow computes this in integers. Cells overlap, so that a motion of half a cell changes little.
        self.cells = np.asarray(Image.fromarray(frame).resize((COLUMNS, ROWS), Image.Resampling.BILINEAR))
        self.coarse = _block_sums(self.cells[None].reshape(1, ROWS, -1), 3).ravel() // BLOCK**2
        self.light = int(self.cells.sum(dtype=np.int64)) // self.cells.size
        contrast = np.ptp(self.cells, axis=(0, 1)).max()
        self.is_blank = bool(contrast <= BLANK_CONTRAST and not BLACK < self.light < WHITE)

    @cached_property
    def detail(self) -> np.ndarray:
        """How much the cells of each block differ from its mean: the sum of squares, int64 `[6, 8]`."""
        rest = self.cells.astype(np.int64) - _block_means(self.cells)
        return in_blocks((rest * rest).sum(-1))


@dataclass(frozen=True)
class Change:
    """How much a frame differs from another: the average level, and the share of what there is to be found."""

    level: int
    share: float


def plain_change(one: Sketch, other: Sketch, reach: int) -> Change:
    """The change from a sketch to another as they are. Blocks are looked for as far as `reach`, in cells."""
    return _change(one.cells, other.cells, reach)


def change(one: Sketch, other: Sketch, reach: int) -> Change:
    """The same, or with the exposure of one matched, whichever is less, and dark sketches amplified."""
    if np.array_equal(one.cells, other.cells):
        return Change(0, 0.0)
    if one.is_blank or other.is_blank:  # there is nothing to be found, at any exposure
        return plain_change(one, other, reach)
    sketches = _amplified(one.cells, other.cells)
    plain = _change(*sketches, reach)
    if plain.level < LEAST_LEVEL:
        return plain
    even = _change(*_matched(*sketches), reach)
    return Change(min(plain.level, even.level), min(plain.share, even.share))


def correlation(one: Sketch, other: Sketch) -> float:
    """The largest correlation of two sketches, one moved by up to a sixth, from −1 to 1. Bars are left out.

    It is close to 1 for the same picture at another exposure or quality, and 0 if one is even. A sixth leaves enough
    of a small picture to compare.
    """
    inside = ~bars(one.cells, other.cells)
    shown = np.ix_(inside.any(1), inside.any(0))
    first, second = one.cells[shown].astype(np.int64), other.cells[shown].astype(np.int64)
    rows, columns = (min(side // 6, BLOCK) for side in first.shape[:2])
    return max(
        _correlation(_moved(first, down, right), _moved(second, -down, -right))
        for down in range(-rows, rows + 1)
        for right in range(-columns, columns + 1)
    )


def bars(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The cells of black bars at the edges, which both sketches have, and those at their edges, bool `[24, 32]`."""
    light = np.maximum(one, other).sum(-1, dtype=np.int64)
    found = np.zeros(light.shape, bool)
    for axis in (0, 1):
        black = light.sum(1 - axis) <= 3 * BLACK * light.shape[1 - axis]
        bar = np.logical_and.accumulate(black) | np.logical_and.accumulate(black[::-1])[::-1]
        if 4 * bar.sum() <= 3 * len(bar):  # or else it is a dark picture
            inside = bar.copy()
            bar[1:] |= inside[:-1]
            bar[:-1] |= inside[1:]
            found |= np.expand_dims(bar, 1 - axis)
    return found


def in_blocks(cells: np.ndarray) -> np.ndarray:
    """The sums over blocks, int64 `[6, 8]`, of integers `[24, 32]`."""
    return cells.reshape(ROWS // BLOCK, BLOCK, COLUMNS // BLOCK, BLOCK).sum((1, 3), dtype=np.int64)


def _amplified(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two sketches of few levels, as all dark ones are, with more of them."""
    least = min(int(one.min()), int(other.min()))
    gain = min(FULL_RANGE // max(int(one.max()) - least, int(other.max()) - least, 1), MOST_GAIN)
    return (one, other) if gain < 2 else ((one - least) * gain, (other - least) * gain)


def _matched(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two sketches, the one of less contrast brought to the exposure of the other one, and clipped as it is."""
    usable = ((one > DARKEST) & (one < BRIGHTEST) & (other > DARKEST) & (other < BRIGHTEST)).all(-1)
    if usable.sum() < usable.size // 8:
        return one, other
    count = int(usable.sum())
    sums, rests, deviations = [], [], []
    for cells in (one, other):
        sums.append(cells[usable].sum(0, dtype=np.int64))
        rests.append(cells.astype(np.int64) * count - sums[-1])
        deviations.append(int(np.abs(rests[-1][usable]).sum()))
    if deviations[0] > deviations[1]:
        return _matched(other, one)
    brought = (rests[0] * deviations[1] // max(deviations[0], 1) + sums[1]) // count
    return brought.clip(0, 255).astype(np.uint8), other


def _moved(cells: np.ndarray, down: int, right: int) -> np.ndarray:
    """The cells that are left if they are moved so far over the edges."""
    rows, columns = cells.shape[:2]
    return cells[max(-down, 0) : rows - max(down, 0), max(-right, 0) : columns - max(right, 0)]


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of int64 cells `[H, W, 3]`, each channel around its mean."""
    count = one.shape[0] * one.shape[1]
    one, other = (cells * count - cells.sum((0, 1)) for cells in (one, other))
    squares = int((one * one).sum()) * int((other * other).sum())
    return int((one * other).sum()) / math.sqrt(squares) if squares else 0.0


def _change(one: np.ndarray, other: np.ndarray, reach: int) -> Change:
    missed = np.stack([_not_found(one, other, reach), _not_found(other, one, reach)])
    changed = missed > CHANGED
    # The edge of a bar varies, and is there in both.
    in_bars = 2 * in_blocks(bars(one, other)) >= BLOCK**2
    findable = changed | (np.stack([_variation(one), _variation(other)]) > CHANGED) & ~in_bars
    return Change(
        int(np.minimum(missed, 5 * CHANGED).sum()) // missed.size, int(changed.sum()) / max(int(findable.sum()), 1)
    )


def _not_found(one: np.ndarray, other: np.ndarray, reach: int) -> np.ndarray:
    """How much each block of `one` differs from the most similar one near its place in `other`, int64 `[6, 8]`."""
    padded = np.pad(other, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    moved = sliding_window_view(padded, (ROWS, COLUMNS), (0, 1)).transpose(0, 1, 3, 4, 2)
    differences = np.maximum(moved, one) - np.minimum(moved, one)
    return _block_sums(differences.reshape(-1, ROWS, COLUMNS * 3), 1).min(0)[..., 0] // BLOCK**2


def _block_sums(cells: np.ndarray, channels: int) -> np.ndarray:
    """The sums over blocks, int64 `[N, 6, 8, channels]`, of uint8 `[N, 24, 32 · 3]`; 1 channel is the sum of all."""
    columns = np.arange(COLUMNS * 3)
    place = columns // (3 * BLOCK) * channels + columns % 3 % channels
    weights = np.eye(COLUMNS // BLOCK * channels, dtype=np.float32)[place]
    # Products of small whole numbers: they are exact in fp32 in any order.
    sums = cells.astype(np.float32) @ weights
    sums = sums.reshape(len(cells), ROWS // BLOCK, BLOCK, COLUMNS // BLOCK, channels).sum(2)
    return sums.astype(np.int64)


def _block_means(cells: np.ndarray) -> np.ndarray:
    """The mean of its block for each cell, uint8 `[24, 32, 3]`."""
    means = _block_sums(cells.reshape(1, ROWS, -1), 3)[0] // BLOCK**2
    return means.astype(np.uint8).repeat(BLOCK, 0).repeat(BLOCK, 1)


def _variation(cells: np.ndarray) -> np.ndarray:
    """How much each block varies: the mean absolute deviation of its cells, int64 `[6, 8]`."""
    means = _block_means(cells)
    deviations = np.maximum(cells, means) - np.minimum(cells, means)
    return _block_sums(deviations.reshape(1, ROWS, -1), 1)[0, ..., 0] // BLOCK**2

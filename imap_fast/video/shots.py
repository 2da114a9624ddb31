"""`find_shots`: where the shots of a film begin, found while it is decoded.

Each frame is looked at as a sketch, 24 × 32 cells of colour, in integers. A shot begins

- at a **cut**: most of what one frame shows is nowhere near in the other, after brightness and contrast are evened out,
  and the frames around change much less. A flash is none: the picture before it comes back.
- in the middle of a **dissolve**: the frames between two different pictures are mixtures of them, and the share of the
  second grows from none to all.
- at the darkest or the brightest frame of a **fade** through black or white.

What begins a shot depends on the frames of the previous shot and on the next `LOOKAHEAD` ones alone. So the shots from
the first frame of any shot on are found without the frames before it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

TimedFrame = tuple[np.ndarray, float]
"""A frame, uint8 `[H, W, 3]`, RGB, and its time in seconds."""

LOOKAHEAD = 48
"""The largest number of frames that `find_shots` holds."""

SHORTEST = 6
"""Frames of the shortest shot. What changes and changes back within fewer is a flash."""

ROWS, COLUMNS = 24, 32
"""The cells of a sketch."""
BLOCK = 4
"""The side of a block in cells. Blocks are looked for in the other frame."""
STEP_REACH, LONG_REACH = 4, 8
"""How far, in cells: from a frame to the next, and over several frames."""

CHANGED = 12
"""A block that differs by more, in levels of 255 summed over the channels, is not found in the other frame. A block
that varies by more has something to be found."""

CUT_SHARE, CUT_LEVEL = 0.8, 3
"""A cut changes such a share of the blocks that have something to be found, by so many levels on average over all
blocks."""
CUT_RATIO, SIDE_RATIO = 1.8, 1.4
"""It changes so many times as much as the frames around it, in the geometric mean of before and after, and on each
side."""
SAME_SHARE = 0.55
"""Pictures that differ in a smaller share are the same one, after a flash."""
AROUND = 3
"""Frames before and after a cut that are compared with it."""

DISSOLVE_SPANS = (18, 24, 40, 76)
"""Frames over which dissolves are looked for, with the steady frames at both ends."""
STEADY = 5
"""Frames at each end of a dissolve that are hardly mixed, at least."""
LEAST_WAY = 4
"""How far the pictures of a dissolve are apart, at least: the root mean square of blocks, in levels of 255."""
MIXTURE_ERROR = 0.15
"""How far a frame of a dissolve is from a mixture of its ends, squared, as a part of their squared distance."""
LIKENESS = 0.5
"""The largest likeness of the pictures of a dissolve."""

DARKEST, BRIGHTEST = 5, 250
"""Cells at these levels may be clipped."""

BLANK_CONTRAST, BLACK, WHITE = 16, 24, 231
"""A sketch of no larger contrast that is darker or brighter is blank."""


def find_shots(frames: Iterable[TimedFrame]) -> Iterator[tuple[TimedFrame, bool]]:
    """Yield each frame, and whether a shot begins with it. The first frame begins one.

    At most `LOOKAHEAD` frames are held. The times are passed on, and decide nothing.

    Args:
        frames: of any size, at least 64 × 48 pixels to be told apart.
    """
    held: deque[tuple[TimedFrame, Sketch]] = deque()
    shot, begins, untaken = _Shot(), True, 0  # of the held frames, the last `untaken` are not yet taken by the shot
    stream = iter(frames)
    while True:
        if untaken:
            start = shot.next_start(held[-untaken][1])
            untaken -= 1
        elif (timed := next(stream, None)) is not None:
            held.append((timed, Sketch(timed[0])))
            untaken = 1
            continue
        elif (start := shot.last_start()) is None:
            break
        leaving = int(len(held) == LOOKAHEAD) if start is None else len(held) - untaken - start
        for _ in range(leaving):
            yield held.popleft()[0], begins
            begins = False
        if start is not None:  # the next shot is looked at from its first frame on, as if nothing had been before
            shot, begins, untaken = _Shot(), True, len(held)
    for timed, _ in held:
        yield timed, begins
        begins = False


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
        contrast = np.ptp(self.cells.sum(-1, dtype=np.int64)) // 3
        self.is_blank = bool(contrast <= BLANK_CONTRAST and not BLACK < self.light < WHITE)

    @cached_property
    def detail(self) -> int:
        """How much the cells differ from their blocks: the sum of squares."""
        rest = self.cells.astype(np.int64) - _block_means(self.cells)
        return int((rest * rest).sum())


@dataclass(frozen=True)
class Change:
    """How much a frame differs from another: the average level, and the share of what there is to be found."""

    level: int
    share: float


def change(one: Sketch, other: Sketch, reach: int) -> Change:
    """The change from a sketch to another, as they are or with the exposure of one matched, whichever is less."""
    if np.array_equal(one.cells, other.cells):
        return Change(0, 0.0)
    plain = _change(one.cells, other.cells, reach)
    if plain.level < CUT_LEVEL:
        return plain
    even = _change(*_matched(one.cells, other.cells), reach)
    return Change(min(plain.level, even.level), min(plain.share, even.share))


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


def _change(one: np.ndarray, other: np.ndarray, reach: int) -> Change:
    missed = np.stack([_not_found(one, other, reach), _not_found(other, one, reach)])
    changed = missed > CHANGED
    findable = changed | (np.stack([_variation(one), _variation(other)]) > CHANGED)
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


def _is_same(one: Sketch, other: Sketch, level: int = 0) -> bool:
    """Whether two sketches show the same picture: they differ little, or by less than half of a level."""
    difference = change(one, other, LONG_REACH)
    return difference.share < SAME_SHARE or 2 * difference.level < level


@dataclass(frozen=True)
class _Dissolve:
    """A dissolve: the number of its middle frame from 1 on, the picture before it, and how much it changes that."""

    middle: int
    before: Sketch
    level: int


class _Shot:
    """The frames of one shot, one after the other, until the next one begins."""

    def __init__(self) -> None:
        self._sketches: deque[Sketch] = deque(maxlen=max(DISSOLVE_SPANS) + LOOKAHEAD)
        self._count = 0
        self._steps: dict[int, Change] = {}
        self._first_blank: int | None = None
        self._last_blank = 0
        self._dissolve: _Dissolve | None = None

    def next_start(self, sketch: Sketch) -> int | None:
        """Take the next frame. If the next shot is found to begin, return how many frames of it were taken."""
        self._sketches.append(sketch)
        self._count += 1
        start = self._fade() or self._cut()
        # What waits to be sure of itself is earlier, and comes first.
        return (self.last_start() or start) if start else self._dissolved()

    def last_start(self) -> int | None:
        """The same at the end of the film: a dissolve need not wait any longer."""
        return None if self._dissolve is None else self._count + 1 - self._dissolve.middle

    def _sketch(self, ago: int) -> Sketch:
        """The sketch of so many frames ago."""
        return self._sketches[-1 - ago]

    def _fade(self) -> int | None:
        """Look for a picture after blank frames, and for a few more frames, to know a flash."""
        if self._sketch(0).is_blank:
            self._first_blank = self._first_blank or self._count
            self._last_blank = self._count
            return None
        first, last = self._first_blank, self._last_blank
        if first is None or self._count < last + SHORTEST:
            return None
        self._first_blank = None
        if first == 1:  # blank frames before the first picture are part of its shot
            return None
        before = self._sketches[max(len(self._sketches) - 1 - (self._count - first) - SHORTEST, 0)]
        if last - first < SHORTEST - 2 and _is_same(before, self._sketch(0)):
            return None
        return self._deepest(max(first, self._count - LOOKAHEAD + 2), last)

    def _deepest(self, first: int, last: int) -> int:
        """How many frames were taken from the middle of the darkest or the brightest of some blank frames on."""
        numbers = range(first, last + 1)
        lights = [self._sketch(self._count - number).light for number in numbers]
        extreme = min(lights) if lights[0] < 128 else max(lights)
        deepest = [number for number, light in zip(numbers, lights, strict=True) if abs(light - extreme) <= 1]
        return self._count + 1 - deepest[len(deepest) // 2]

    def _cut(self) -> int | None:
        """Look whether a cut was some frames ago: as many as a flash may last."""
        ago = SHORTEST - 2
        if self._count < SHORTEST + ago + 1 or self._sketch(ago).is_blank or self._sketch(ago + 1).is_blank:
            return None
        step = self._step(ago)
        if step.level < CUT_LEVEL or step.share < CUT_SHARE:
            return None
        after, before = (
            step.level / (1 + max(self._step(near).level for near in side))
            for side in (range(ago - AROUND, ago), range(ago + 1, ago + 1 + AROUND))
        )
        if min(before, after) < SIDE_RATIO or before * after < CUT_RATIO**2:
            return None
        return None if self._comes_back(ago, step) else ago + 1

    def _step(self, ago: int) -> Change:
        """The change from the frame before to that of so many frames ago."""
        number = self._count - ago
        if number not in self._steps:
            self._steps[number] = change(self._sketch(ago + 1), self._sketch(ago), STEP_REACH)
            self._steps = {kept: step for kept, step in self._steps.items() if kept > number - 2 * SHORTEST}
        return self._steps[number]

    def _comes_back(self, ago: int, step: Change) -> bool:
        """Whether the picture before a change is there again after it, or the one after it was there before."""
        before, after = self._sketch(ago + 1), self._sketch(ago)
        pairs = [(before, self._sketch(later)) for later in range(ago)]
        pairs += [(self._sketch(earlier), after) for earlier in range(ago + 2, min(ago + 1 + SHORTEST, self._count))]
        return any(_is_same(one, other, step.level) for one, other in pairs)

    def _dissolved(self) -> int | None:
        """Look for a dissolve, and wait whether the picture before it comes back."""
        if self._dissolve is None:
            self._dissolve = next(filter(None, map(self._dissolve_over, DISSOLVE_SPANS)), None)
        elif _is_same(self._dissolve.before, self._sketch(0), self._dissolve.level):
            self._dissolve = None
        start = self.last_start()
        return start if start == LOOKAHEAD - 1 else None

    def _dissolve_over(self, span: int) -> _Dissolve | None:
        """The dissolve that fills the frames of a span but for its steady ends."""
        if self._count <= span:
            return None
        window = list(self._sketches)[-1 - span :]
        first, last = window[0], window[-1]
        way = last.coarse - first.coarse
        length = int(way @ way)
        if length < way.size * LEAST_WAY**2:
            return None
        gone = np.stack([sketch.coarse for sketch in window]) - first.coarse
        along = gone @ way
        parts = along / length
        steady, steps = max(STEADY, span // 6), np.diff(parts)
        ends = np.abs(np.concatenate([parts[: steady + 1], parts[-1 - steady :] - 1]))
        if ends.max() > 0.1 or steps.min() < -0.06 or steps.max() > 0.6:
            return None
        errors = (gone * gone).sum(1) * length - along * along
        ago = span - int(np.argmax(parts >= 0.5))
        if ago >= LOOKAHEAD - 1 or errors.max() > MIXTURE_ERROR * length * length:
            return None
        if any(sketch.is_blank for sketch in window) or _likeness(parts.tolist(), window) > LIKENESS:
            return None
        difference = change(first, last, LONG_REACH)
        earlier = list(self._sketches)[: -1 - span][-LOOKAHEAD:]
        if difference.share < CUT_SHARE or any(_is_same(one, last, difference.level) for one in earlier):
            return None
        return _Dissolve(self._count - ago, first, difference.level)


def _likeness(parts: list[float], window: list[Sketch]) -> float:
    """How much the detail of two mixed pictures coincides: about 0 for different ones, 1 for one and the same.

    The detail of a mixture of unlike pictures is the sum of their squares. One picture that grows brighter or moves has
    more, because the mixed terms count as well.
    """
    first, last = window[0].detail, window[-1].detail
    mixtures = [(part, sketch.detail) for part, sketch in zip(parts, window, strict=True) if 0.2 < part < 0.8]
    mixed_terms = sum(detail - (1 - part) ** 2 * first - part**2 * last for part, detail in mixtures)
    whole = sum(2 * part * (1 - part) for part, _ in mixtures) * math.sqrt(first * last)
    return mixed_terms / max(whole, 1.0)

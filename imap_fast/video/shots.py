"""`find_shots`: where the shots of a film begin, found while it is decoded.

Each frame is looked at as a sketch, 24 × 32 cells of colour, in integers. A shot begins

- at a **cut**: most of what one frame shows is nowhere near in the other, after brightness and contrast are evened out,
  and the frames around change much less. A few frames in its midst may be blended, combed, blank, or of another
  picture: they belong to the shot before. A flash is no cut: the picture before it comes back.
- in the middle of a **dissolve**: the frames between two different pictures are mixtures of them, and the share of the
  second grows from none to all.
- at the darkest or the brightest frame of a **fade** through black or white, if the light falls and rises little by
  little. If it is black or white at once, or a picture at once, there is a cut. Black or white before the first picture
  of a shot is part of it.

What begins a shot depends on the frames of the previous shot and on the next `LOOKAHEAD` ones alone. So the shots from
the first frame of any shot on are found without the frames before it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from imap_fast.video.sketch import Change, Sketch, bars, change, correlation, in_blocks, plain_change

Item = TypeVar("Item")

LOOKAHEAD = 48
"""The largest number of frames that `find_shots` holds."""

SHORTEST = 3
"""Frames of the shortest shot, and of what is read before the first cut and after the last one."""
FLASH = 4
"""Frames of the longest flash: what changes and changes back within them begins no shot."""
BETWEEN, BLENDED = 3, 2
"""The largest numbers of frames in the midst of a cut: all that are neither of the shots, and those that are blended or
combed of both."""

STEP_REACH, LONG_REACH = 4, 8
"""How far blocks are looked for, in cells: from a frame to the next, and over several frames."""

CUT_SHARE, CUT_LEVEL = 0.8, 3
"""A cut changes such a share of the blocks that have something to be found, by so many levels on average over all
blocks."""
CUT_RATIO, SIDE_RATIO = 1.8, 1.4
"""It changes so many times as much as the frames around it, in the geometric mean of before and after, and on each
side."""
SAME_SHARE = 0.55
"""Pictures that differ in a smaller share are the same one, after a flash."""
SAME_CORRELATION = 0.9
"""Pictures of a larger correlation are the same one, also if a key frame shows it anew, sharper and elsewhere."""
AROUND = 3
"""Steps before and after a cut that are compared with it."""

DISSOLVE_SPANS = (18, 24, 40, 76)
"""Frames over which dissolves are looked for, with the steady frames at both ends."""
STEADY = 5
"""Frames at each end of a dissolve that are hardly mixed, at least."""
LEAST_WAY = 4
"""How far the pictures of a dissolve are apart, at least: the root mean square of blocks, in levels of 255."""
MIXTURE_ERROR, BLEND_ERROR = 0.15, 0.1
"""How far a frame of a dissolve, or one in the midst of a cut, is from a mixture of the pictures before and after it:
squared, as a part of their squared distance."""
LIKENESS = 0.5
"""The largest likeness of the pictures of a dissolve."""


def find_shots(frames: Iterable[tuple[np.ndarray, Item]]) -> Iterator[tuple[Item, bool]]:
    """Yield what comes with each frame, and whether a shot begins with it. The first frame begins one.

    What comes with at most `LOOKAHEAD` frames is held.

    Args:
        frames: uint8 `[H, W, 3]`, RGB, of any size, at least 64 × 48 pixels to be told apart. With each comes anything,
            such as its number.
    """
    held: deque[tuple[Item, Sketch]] = deque()
    shot, begins, untaken = _Shot(), True, 0  # of the held frames, the last `untaken` are not yet taken by the shot
    stream = iter(frames)
    while True:
        if untaken:
            start = shot.next_start(held[-untaken][1])
            untaken -= 1
        elif (following := next(stream, None)) is not None:
            frame, item = following
            held.append((item, Sketch(frame)))
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
    for item, _ in held:
        yield item, begins
        begins = False


def _is_same(one: Sketch, other: Sketch, level: int = 0) -> bool:
    """Whether two sketches show the same picture: they differ little, or by less than half of a level, or correlate."""
    difference = change(one, other, LONG_REACH)
    return difference.share < SAME_SHARE or 2 * difference.level < level or correlation(one, other) > SAME_CORRELATION


def _is_flash(brief: Sketch, other: Sketch) -> bool:
    """Whether what is there for a few frames alone may be a flash: it is blank, or much brighter."""
    return brief.is_blank or 4 * brief.light > 5 * other.light


def _is_blended(sketches: Sequence[Sketch]) -> bool:
    """Whether sketches but for two at each end are blank, or mixtures of the steady pictures before and after them."""
    before, after = sketches[1], sketches[-2]
    if before.is_blank or after.is_blank:
        return False
    cells = np.stack([sketch.cells.ravel() for sketch in sketches]).astype(np.int64)
    gone, way = cells - cells[1], cells[-2] - cells[1]
    length, along = int(way @ way), gone @ way
    errors = (gone * gone).sum(1) * length - along * along
    mixed = (along >= 0) & (along <= length) & (errors <= BLEND_ERROR * length * length)
    # A longer dissolve, or an explosion, begins earlier or ends later.
    steady = 5 * max(abs(int(along[0])), abs(int(along[-1]) - length)) <= length
    return steady and all(sketch.is_blank or fits for sketch, fits in zip(sketches[2:-2], mixed[2:-2], strict=True))


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
        self._steps: dict[tuple[int, int, bool], Change] = {}
        self._first_picture: int | None = None
        self._first_blank: int | None = None
        self._last_blank = 0
        self._dissolve: _Dissolve | None = None

    def next_start(self, sketch: Sketch) -> int | None:
        """Take the next frame. If the next shot is found to begin, return how many frames of it were taken."""
        self._sketches.append(sketch)
        self._count += 1
        if sketch.is_blank:
            self._first_blank = self._first_blank or self._count
            self._last_blank = self._count
        else:
            self._first_picture = self._first_picture or self._count
        start = self._fade(FLASH + 2) or self._cut(FLASH)
        # What waits to be sure of itself is earlier, and comes first.
        return (self._waiting() or start) if start else self._dissolved()

    def last_start(self) -> int | None:
        """The same at the end of the film, where nothing can come back any more."""
        cuts = (self._cut(ago) for ago in reversed(range(SHORTEST - 1, FLASH)))
        return self._waiting() or next(filter(None, cuts), None) or self._fade(SHORTEST)

    def _waiting(self) -> int | None:
        """The start in a dissolve that was found."""
        return None if self._dissolve is None else self._count + 1 - self._dissolve.middle

    def _sketch(self, ago: int) -> Sketch:
        """The sketch of so many frames ago."""
        return self._sketches[-1 - ago]

    def _fade(self, after: int) -> int | None:
        """Look for a fade, so many frames after the last blank one."""
        first, last = self._first_blank, self._last_blank
        if first is None or self._count < last + after:
            return None
        self._first_blank = None
        if first <= SHORTEST:  # blank frames before the first picture are part of its shot, and no shot is shorter
            return None
        before = self._sketches[max(len(self._sketches) - 1 - (self._count - first) - FLASH - 2, 0)]
        if last - first < FLASH and _is_same(before, self._sketch(0)):
            return None
        return self._deepest(max(first, self._count - LOOKAHEAD + 2), last)

    def _deepest(self, first: int, last: int) -> int:
        """How many frames were taken from the middle of the darkest or the brightest of some blank frames on."""
        numbers = range(first, last + 1)
        lights = [self._sketch(self._count - number).light for number in numbers]
        extreme = min(lights) if lights[0] < 128 else max(lights)
        deepest = [number for number, light in zip(numbers, lights, strict=True) if abs(light - extreme) <= 1]
        return self._count + 1 - deepest[len(deepest) // 2]

    def _cut(self, ago: int) -> int | None:
        """Look whether a shot begins so many frames ago by a cut."""
        for gap in range(1, BETWEEN + 2):
            if self._is_cut(ago, gap):
                before, after = self._sketch(ago + gap), self._sketch(ago)
                if gap == 1 or not _is_flash(after, before):
                    return ago + 1
                # It may be an explosion, and waits as a dissolve does whether the picture before it comes back.
                self._dissolve = self._dissolve or _Dissolve(self._count - ago, before, self._step(ago, gap).level)
        return None

    def _is_cut(self, ago: int, gap: int) -> bool:
        """Whether there is a cut from the frame `ago + gap` to that of `ago`."""
        frames_before = self._count - ago - gap
        if frames_before < max(SHORTEST, self._first_picture or self._count):
            return False
        before, after = self._sketch(ago + gap), self._sketch(ago)
        if gap > 1 and not (self._stands_out(ago, gap, apart=1) and self._may_be_between(ago, gap)):
            return False
        step = self._step(ago, gap, self._has_blanks(ago, gap))
        if step.level < CUT_LEVEL or step.share < CUT_SHARE or not self._stands_out(ago, gap, apart=gap):
            return False
        if (ago < FLASH and _is_flash(after, before)) or (frames_before <= FLASH and _is_flash(before, after)):
            return False
        return not self._comes_back(ago, gap, step)

    def _may_be_between(self, ago: int, gap: int) -> bool:
        """Whether a cut may have the frames from `ago + gap` to `ago` in its midst."""
        if min(self._step(near).share for near in (ago, ago + gap - 1)) >= CUT_SHARE:
            return True  # what is there for a moment is neither the picture before nor that after
        # More mixed frames are a dissolve, or before a much brighter one an explosion.
        most = 1 if _is_flash(self._sketch(ago), self._sketch(ago + gap)) else BLENDED
        return gap <= most + 1 and _is_blended([self._sketch(near) for near in range(ago + gap + 1, ago - 2, -1)])

    def _has_blanks(self, ago: int, gap: int) -> bool:
        """Whether there are blank frames from `ago + gap` to `ago` or around."""
        around = range(max(ago - AROUND, 0), min(ago + gap + AROUND + 1, self._count))
        return any(self._sketch(near).is_blank for near in around)

    def _stands_out(self, ago: int, gap: int, apart: int) -> bool:
        """Whether the changes from `ago + gap` to `ago`, of frames so far apart, are much larger than those around."""
        # A fade changes the light little by little. Even exposures would hide that.
        exact = self._has_blanks(ago, gap)
        level = max(self._step(near, apart, exact).level for near in range(ago, ago + gap + 1 - apart))
        around = max(AROUND, apart)
        frames_before = self._count - ago - gap
        sides = (
            range(max(ago - around, 0), ago + 1 - apart),
            range(ago + gap, ago + gap + min(around, frames_before - 1) + 1 - apart),
        )
        if not all(sides):
            return False
        times = [level / (1 + max(self._step(near, apart, exact).level for near in side)) for side in sides]
        return min(times) >= (SIDE_RATIO if gap == 1 else CUT_RATIO) and math.prod(times) >= CUT_RATIO**2

    def _step(self, ago: int, gap: int = 1, exact: bool = False) -> Change:
        """The change to the frame of so many frames ago from the one `gap` before it, at any exposure or as it is."""
        number = self._count - ago
        key = number, gap, exact
        if key not in self._steps:
            compare, reach = plain_change if exact else change, STEP_REACH if gap == 1 else LONG_REACH
            self._steps[key] = compare(self._sketch(ago + gap), self._sketch(ago), reach)
            self._steps = {kept: step for kept, step in self._steps.items() if kept[0] > number - 4 * FLASH}
        return self._steps[key]

    def _comes_back(self, ago: int, gap: int, step: Change) -> bool:
        """Whether the picture before a change is still or again there after it, or that after it was there before."""
        before, after = self._sketch(ago + gap), self._sketch(ago)
        pairs = [(before, self._sketch(later)) for later in range(ago + 1)]
        first = ago + gap + 1
        pairs += [(self._sketch(earlier), after) for earlier in range(first, min(first + FLASH, self._count))]
        return any(_is_same(one, other, step.level) for one, other in pairs)

    def _dissolved(self) -> int | None:
        """Look for a dissolve, and wait whether the picture before it comes back."""
        if self._dissolve is None:
            self._dissolve = next(filter(None, map(self._dissolve_over, DISSOLVE_SPANS)), None)
        elif _is_same(self._dissolve.before, self._sketch(0), self._dissolve.level):
            self._dissolve = None
        start = self._waiting()
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
    shown = in_blocks(bars(window[0].cells, window[-1].cells)) == 0  # the edges of bars are in both
    first, last = (int(sketch.detail[shown].sum()) for sketch in (window[0], window[-1]))
    mixtures = [
        (part, int(sketch.detail[shown].sum())) for part, sketch in zip(parts, window, strict=True) if 0.2 < part < 0.8
    ]
    mixed_terms = sum(detail - (1 - part) ** 2 * first - part**2 * last for part, detail in mixtures)
    whole = sum(2 * part * (1 - part) for part, _ in mixtures) * math.sqrt(first * last)
    return mixed_terms / max(whole, 1.0)

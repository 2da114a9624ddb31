"""Times of a video that a user gives: of a stretch, and of shots."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from numbers import Real

TOLERANCE = 1e-6
"""Seconds. A frame belongs to the stretch that begins at its time, although times are rounded."""

SHOTS = "auto", "off"
"""How shots are found, without times."""

Shots = str | Sequence[float]
"""One of `SHOTS`, or the seconds at which shots begin."""

LONGEST = 1e6
"""Seconds. The largest time that a stretch may have, eleven days."""


def seconds_of(time: float | str) -> float:
    """A time in seconds, from a number or a text: `80.5`, `"80.5"`, `"1:20.5"` or `"0:01:20.5"`.

    Raises:
        TypeError: neither a number nor a text.
        ValueError: another text, or a time below 0 or above `LONGEST`.
    """
    if isinstance(time, bool) or not isinstance(time, (Real, str)):
        raise TypeError(f"{time!r} is no time; give seconds, or a text such as '1:20.5'")
    seconds = _parsed(time) if isinstance(time, str) else float(time)
    if not 0 <= seconds <= LONGEST:  # NaN compares false, and is refused, too
        raise ValueError(f"{time!r} is no time in a video; give 0 to {LONGEST:.0f} seconds, or a text such as '1:20.5'")
    return seconds


def _parsed(text: str) -> float:
    *larger, last = text.strip().split(":")
    whole, _, fraction = last.partition(".")
    is_plain = all(part.isascii() and part.isdecimal() for part in (*larger, whole, fraction or "0"))
    values = [int(part) for part in larger] if is_plain and len(text) < 32 else []
    # Only the largest unit may be 60 or more.
    if not is_plain or len(larger) > 2 or len(values) != len(larger) or any(value >= 60 for value in values[1:]):
        return math.nan
    if larger and float(last) >= 60:
        return math.nan
    seconds = 0.0
    for value in (*values, float(last)):
        seconds = 60 * seconds + value
    return seconds


def check_stretch(start: float | str | None, end: float | str | None) -> tuple[float | None, float | None]:
    """The start and the end of a stretch in seconds. None is the start or the end of the video.

    Raises:
        TypeError, ValueError: as in `seconds_of`, or the stretch is empty.
    """
    first, last = (None if time is None else seconds_of(time) for time in (start, end))
    if last is not None and last <= (first or 0.0):
        raise ValueError(f"end={end!r} is not after start={start or 0!r}; give a later end")
    return first, last


def is_before(seconds: float, start: float | None) -> bool:
    """Whether a frame is before the start of a stretch."""
    return start is not None and seconds < start - TOLERANCE


def is_after(seconds: float, end: float | None) -> bool:
    """Whether a frame is at the end of a stretch or after it."""
    return end is not None and seconds >= end - TOLERANCE


def check_shots(shots: str | Iterable[float | str]) -> Shots:
    """One of `SHOTS`, or the seconds at which shots begin. No times are one shot.

    Raises:
        TypeError: neither a name nor times.
        ValueError: another name, a time that is none, or times that do not ascend.
    """
    if isinstance(shots, str):
        if shots not in SHOTS:
            raise ValueError(f"shots={shots!r} is unknown; give 'auto', 'off', or the seconds at which shots begin")
        return shots
    try:
        times = list(
            shots.tolist() if hasattr(shots, "tolist") else shots
        )  # arrays and tensors have numbers of their own
    except TypeError as error:
        raise TypeError(
            f"shots={shots!r} is not possible; give 'auto', 'off', or the seconds at which shots begin"
        ) from error
    seconds = [seconds_of(time) for time in times]
    if any(later <= earlier for earlier, later in pairwise(seconds)):
        raise ValueError(f"shots={times!r} do not ascend; give each time once, in order")
    return seconds

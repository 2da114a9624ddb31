"""Which frames of a video to take for a lower frame rate: those nearest in time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from numbers import Real
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from imap_fast.video.picture import TimedPicture

RATES = "model", "all"
"""The rate for which the model was made, if the video has a much higher one; and that of the video."""

LEAST_FPS, MOST_FPS = 0.001, 1_000_000
"""The lowest rate that passes a model, a frame in a quarter of an hour, and the highest one that the timestamps of a
file can hold."""

SLOWEST_FPS = 1e-6
"""The lowest rate of a video: a frame in eleven days, the longest time that a stretch may have."""

LEAST_RATIO = 1.51
"""A video of a rate up to this many times that of the model is passed as it is. It is a little more than 1.5, because
the rate of a file is an average: one of 24 passes a model of 16 whole."""

TIE = 1e-6
"""Seconds. Frames whose distances differ by less are equally near, and the earlier one is taken."""


def check_fps(fps: Any) -> str | float:
    """The argument `fps` of `explain`.

    Raises:
        TypeError: neither a text nor a number.
        ValueError: another text or number.
    """
    if isinstance(fps, bool) or not isinstance(fps, (Real, str)):
        raise TypeError(f"fps={fps!r} is no rate; give 'model', 'all', or frames per second")
    if isinstance(fps, str) and fps in RATES:
        return fps
    if isinstance(fps, str) or not LEAST_FPS <= cast("float", fps) <= MOST_FPS:
        raise ValueError(f"fps={fps!r} is no rate; give 'model', 'all', or {LEAST_FPS} to {MOST_FPS} frames per second")
    return float(fps)


def passed_rate(fps: str | float, of_video: float, of_model: float) -> float | None:
    """Frames per second that pass the model. None: all frames.

    Args:
        fps: see `check_fps`.
        of_video: frames per second of the video.
        of_model: frames per second for which the model was made.
    """
    if fps == "all" or (fps == "model" and of_video <= LEAST_RATIO * of_model):
        return None
    rate = of_model if fps == "model" else float(fps)
    return rate if rate < of_video else None


def at_rate(pictures: Iterable[TimedPicture], rate: float | None) -> Iterator[tuple[TimedPicture, bool]]:
    """Yield each picture, and whether it is taken: it is the nearest one to some tick of a clock.

    The clock ticks `rate` times a second, from the first picture on. None is taken twice, so a picture that is shown
    for long, and a gap, are no more than one picture.

    Args:
        pictures: their times ascend.
        rate: ticks per second. None: every picture is taken.
    """
    if rate is None:
        yield from ((timed, True) for timed in pictures)
        return
    held: TimedPicture | None = None
    begin = before = 0.0
    tick = 0
    for timed in pictures:
        if held is None:
            begin = before = timed.seconds
        else:
            end = (held.seconds + timed.seconds) / 2
            yield held, begin + tick / rate <= end + TIE
            tick = max(tick, math.floor((end + TIE - begin) * rate) + 1)
            before = held.seconds
        held = timed
    if held is not None:
        yield held, begin + tick / rate <= held.seconds + (held.seconds - before) / 2 + TIE

"""`Event`: an interval in which a concept is active."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """An interval in which a concept is active.

    Attributes:
        label: the concept.
        start: when the first frame appears, in seconds of the file. None: nobody knows the times of the video.
        end: when the last frame ends.
        first_frame: its number, among those that were read.
        last_frame: its number.
        confidence: d / (1 + d), from 0 to 1, where d is how far the mean of the interval is above the lower level, in
            standard deviations of the curve around its two levels.
    """

    label: str
    start: float | None
    end: float | None
    first_frame: int
    last_frame: int
    confidence: float

"""How long a training lasts, and how its learning rate falls meanwhile: counted in steps, or in time."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from imap_fast.files import atomic_write

SAVE_SECONDS = 60.0


class Schedule(Protocol):
    """When a training ends and saves."""

    def is_over(self, done: int) -> bool:
        """Whether the training ends after `done` steps."""

    def is_save_due(self, done: int) -> bool:
        """Whether a checkpoint is due after `done` steps. One at the end is always due."""

    def decay(self, step: int) -> float:
        """The learning rate of a step, counted from 0, relative to the highest: half a cosine from 1 to 0."""

    def position(self, done: int) -> str:
        """Where the training is after `done` steps, for people."""


@dataclass(frozen=True)
class Steps:
    """A training of `total` steps that saves every `save_every`. A resumed one makes the same steps."""

    total: int
    save_every: int

    def is_over(self, done: int) -> bool:
        return done >= self.total

    def is_save_due(self, done: int) -> bool:
        return done % self.save_every == 0

    def decay(self, step: int) -> float:
        return 0.5 + 0.5 * math.cos(math.pi * step / self.total)

    def position(self, done: int) -> str:
        return f"step {done} of {self.total}"


class Clock:
    """The time that a training has taken in all of its runs.

    Attributes:
        saved: when it was last saved, in seconds of the training.
    """

    def __init__(self, file: Path, now: Callable[[], float] = time.monotonic):
        """Start the clock, at the time in the file if it exists."""
        self.saved: float = json.loads(file.read_text())["seconds"] if file.exists() else 0.0
        self._file, self._now = file, now
        self._start = now() - self.saved

    def seconds(self) -> float:
        """The time so far."""
        return self._now() - self._start

    def save(self) -> None:
        """Write the time to the file; the write is atomic. A run that stops is resumed from here."""
        self.saved = self.seconds()
        with atomic_write(self._file) as unfinished:
            unfinished.write_text(json.dumps({"seconds": round(self.saved, 1)}) + "\n")


@dataclass(frozen=True)
class Window:
    """The part of a training's time between two moments, in seconds of its clock. It has at least one step."""

    clock: Clock
    begin: float
    end: float

    @property
    def progress(self) -> float:
        """The share of the window that is over."""
        return min(max((self.clock.seconds() - self.begin) / (self.end - self.begin), 0.0), 1.0)

    def is_over(self, done: int) -> bool:
        return done > 0 and self.clock.seconds() >= self.end

    def is_save_due(self, done: int) -> bool:
        return self.clock.seconds() - self.clock.saved >= SAVE_SECONDS

    def decay(self, step: int) -> float:
        return 0.5 + 0.5 * math.cos(math.pi * self.progress)

    def position(self, done: int) -> str:
        return f"step {done}, second {self.clock.seconds():.0f} of {self.end:.0f}"

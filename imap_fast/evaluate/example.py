"""What is evaluated: clips, and the truth about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from imap_fast.video import Clip
from imap_fast.video.resize import kept_window

BACKGROUND = "background"


@dataclass(frozen=True)
class Truth:
    """Where a concept is, in the annotated frames of a clip.

    Attributes:
        label: the concept.
        mask: bool `[n, H, W]`; of a motion, of what moves, and empty while it does not.
        lasts: of a motion, the frames during which it lasts, bool `[n]`; of an object, None.
    """

    label: str
    mask: np.ndarray
    lasts: np.ndarray | None = None

    @property
    def kind(self) -> str:
        """`"object"` or `"motion"`."""
        return "object" if self.lasts is None else "motion"


@dataclass(frozen=True)
class Example:
    """A clip to evaluate maps on.

    Attributes:
        video: a clip, or without truths a file.
        caption: what it shows.
        concepts: what to look for.
        truths: of some concepts, each once; none where nothing is known.
        annotated: the numbers of the frames whose truth is known, ascending, int64 `[n]`.
    """

    video: Clip | Path
    caption: str
    concepts: tuple[str, ...]
    truths: tuple[Truth, ...] = ()
    annotated: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def seen_at(self, height: int, width: int) -> Example:
        """The part of the picture that a model of this size sees, in the pixels of the video."""
        if not self.truths:
            return self
        rows, columns = kept_window(*self.video.frames.shape[1:3], height, width)
        truths = tuple(replace(truth, mask=truth.mask[:, rows, columns]) for truth in self.truths)
        return replace(self, video=Clip(self.video.frames[:, rows, columns], self.video.fps), truths=truths)


@dataclass(frozen=True)
class DataSet:
    """Clips by name, each read when it is its turn.

    Attributes:
        source: what clips are read from, as JSON holds it.
        clips: a function for each clip that reads it; one that cannot raises ValueError or OSError.
    """

    source: Mapping[str, Any]
    clips: Mapping[str, Callable[[], Example]]

    def first(self, count: int | None) -> DataSet:
        """The first so many clips; all with None."""
        return replace(self, clips=dict(list(self.clips.items())[:count]))

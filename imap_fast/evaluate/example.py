"""What is evaluated: clips with their ground truth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from imap_fast.files import sha256_of
from imap_fast.video.clip import Clip
from imap_fast.video.crop import kept_window

BACKGROUND = "background"


@dataclass(frozen=True)
class GroundTruth:
    """Where a concept is in the annotated frames of a clip.

    Attributes:
        label: the concept.
        mask: bool `[n, H, W]`. The mask of a motion covers the moving object, and is empty while nothing moves.
        active: the frames in which a motion happens, bool `[n]`. None for an object.
    """

    label: str
    mask: np.ndarray
    active: np.ndarray | None = None

    @property
    def kind(self) -> str:
        """`"object"` or `"motion"`."""
        return "object" if self.active is None else "motion"


@dataclass(frozen=True)
class Example:
    """A clip to evaluate maps on.

    Attributes:
        video: a clip. A file if there is no ground truth.
        caption: what the video shows.
        concepts: what to look for.
        truths: ground truth of some concepts, each once. Empty if there is none.
        annotated: the numbers of the annotated frames, ascending, int64 `[n]`.
    """

    video: Clip | Path
    caption: str
    concepts: tuple[str, ...]
    truths: tuple[GroundTruth, ...] = ()
    annotated: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def clip(self) -> Clip:
        """The video of an example with ground truth.

        Raises:
            TypeError: the video is a file.
        """
        if not isinstance(self.video, Clip):
            raise TypeError(f"{self.video} is a file; an example with ground truth needs a Clip")
        return self.video

    def cropped_to(self, height: int, width: int) -> Example:
        """The part of the video and of the masks that a model of this size sees, in the pixels of the video."""
        if not self.truths:
            return self
        source_height, source_width = self.clip.frames.shape[1:3]
        rows, columns = kept_window(source_height, source_width, height, width)
        truths = tuple(replace(truth, mask=truth.mask[:, rows, columns]) for truth in self.truths)
        return replace(self, video=Clip(self.clip.frames[:, rows, columns], self.clip.fps), truths=truths)


@dataclass(frozen=True)
class DataSet:
    """Clips by name. Each is read when it is needed.

    Attributes:
        source: where the clips come from, as JSON values.
        clips: a function that reads the clip, for each clip. It raises ValueError or OSError if it cannot.
        files: a function that finds the files that a clip is read from, for each clip that is read from files.
    """

    source: Mapping[str, Any]
    clips: Mapping[str, Callable[[], Example]]
    files: Mapping[str, Callable[[], Sequence[Path]]] = field(default_factory=dict)

    def digest(self, clip: str) -> str:
        """SHA-256 of the names and contents of the files of a clip, wherever they are. A file may be missing.

        Raises:
            OSError: a file cannot be read.
        """
        files = self.files[clip]() if clip in self.files else ()
        contents = [(file.name, sha256_of(file) if file.is_file() else None) for file in files]
        return hashlib.sha256(json.dumps(contents).encode()).hexdigest()

    def first(self, count: int | None) -> DataSet:
        """The data set with its first `count` clips. None: all."""
        return replace(self, clips=dict(list(self.clips.items())[:count]))

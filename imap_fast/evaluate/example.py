"""What is evaluated: clips with their ground truth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from imap_fast.files import sha256_of
from imap_fast.text.words import is_background
from imap_fast.video.clip import Clip
from imap_fast.video.crop import kept_window


@dataclass(frozen=True)
class GroundTruth:
    """Where a concept is in the annotated frames of a clip.

    Attributes:
        label: the concept.
        mask: bool `[n, H, W]`. The mask of a motion covers the moving object, and is empty while nothing moves.
        active: the frames in which a motion happens, bool `[n]`. None for an object.

    Raises:
        TypeError: `mask` or `active` is not a bool numpy array.
        ValueError: one of them has another shape, or `label` is the background.
    """

    label: str
    mask: np.ndarray
    active: np.ndarray | None = None

    def __post_init__(self) -> None:
        if is_background(self.label):
            raise ValueError(f"a truth is called {self.label!r}, which is always measured; give another label")
        self._check_bool("mask", self.mask, ndim=3)
        if self.active is not None:
            self._check_bool("active", self.active, ndim=1)
            if len(self.active) != len(self.mask):
                raise ValueError(
                    f"{self.label!r} has {len(self.mask)} masks and {len(self.active)} frames in active; give as many"
                )

    def _check_bool(self, name: str, values: np.ndarray, *, ndim: int) -> None:
        if not isinstance(values, np.ndarray) or values.dtype != bool:
            kind = getattr(values, "dtype", type(values).__name__)
            raise TypeError(f"{name} of {self.label!r} is not a bool numpy array but {kind}; convert it")
        if values.ndim != ndim:
            raise ValueError(f"{name} of {self.label!r} has the shape {list(values.shape)}; give {ndim} dimensions")

    @property
    def kind(self) -> str:
        """`"object"` or `"motion"`."""
        return "object" if self.active is None else "motion"


@dataclass(frozen=True)
class Example:
    """A clip to evaluate maps on.

    Attributes:
        video: a clip. A file if there is no ground truth. None if it is to be generated from its caption.
        caption: what the video shows.
        concepts: what to look for, motions included.
        motions: those of the concepts that are motions; those of the truths with `active` are among them in any case.
        truths: ground truth of some concepts, each once. Empty if there is none.
        annotated: the numbers of the annotated frames, ascending, int64 `[n]`. Not used if there are no truths.
        start: the time of the video at which to begin, in seconds. None: the first frame.
        end: the time before which to end. None: the last frame.
        void: pixels of the annotated frames of which nobody knows what they show, bool `[n, H, W]`. No measure counts
            them. None: there are none.
        points: where points are in the frames, in pixels, fp64 `[N, T, 2]`, and whether they are visible, bool
            `[N, T]`. Their tracks are measured, and nothing else. None: there are none.
        queries: the frames in which points are marked; see `imap_fast.metrics.tracking.queries`.

    Raises:
        TypeError: there are truths, and `video` is a file, `annotated` is not an array of integers, or `void` not one
            of bool.
        ValueError: `annotated` is not ascending, or has no or other frames; a mask, or `void`, has another size than
            the video or than `annotated`; a label occurs twice or is none of the concepts, or neither is a motion.
    """

    video: Clip | Path | None
    caption: str
    concepts: tuple[str, ...]
    truths: tuple[GroundTruth, ...] = ()
    annotated: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    start: float | None = None
    end: float | None = None
    void: np.ndarray | None = None
    motions: tuple[str, ...] = ()
    points: tuple[np.ndarray, np.ndarray] | None = None
    queries: str = "first"

    def __post_init__(self) -> None:
        for motion in self.motions:
            if motion not in self.concepts:
                raise ValueError(f"a motion is {motion!r}, and concepts are {list(self.concepts)}; add it to them")
        motions = {*self.motions, *(truth.label for truth in self.truths if truth.kind == "motion")}
        object.__setattr__(self, "motions", tuple(label for label in self.concepts if label in motions))
        if not self.truths:
            return
        num_frames, *size = self.clip.frames.shape[:3]
        self._check_annotated(num_frames)
        for number, truth in enumerate(self.truths):
            if truth.label not in self.concepts:
                raise ValueError(
                    f"a truth is of {truth.label!r}, and concepts are {list(self.concepts)}; add it to them"
                )
            if truth.label in (other.label for other in self.truths[:number]):
                raise ValueError(f"two truths are of {truth.label!r}; unite their masks")
            expected = [len(self.annotated), *size]
            if list(truth.mask.shape) != expected:
                raise ValueError(
                    f"the mask of {truth.label!r} is {list(truth.mask.shape)}; give {expected}, the annotated frames "
                    "in the size of the video"
                )
        self._check_void([len(self.annotated), *size])

    def _check_void(self, expected: list[int]) -> None:
        if self.void is None:
            return
        if not isinstance(self.void, np.ndarray) or self.void.dtype != bool:
            kind = getattr(self.void, "dtype", type(self.void).__name__)
            raise TypeError(f"void is not a bool numpy array but {kind}; convert it")
        if list(self.void.shape) != expected:
            raise ValueError(
                f"void is {list(self.void.shape)}; give {expected}, the annotated frames in the size of the video"
            )

    def _check_annotated(self, num_frames: int) -> None:
        numbers = self.annotated
        if not isinstance(numbers, np.ndarray) or not np.issubdtype(numbers.dtype, np.integer):
            kind = getattr(numbers, "dtype", type(numbers).__name__)
            raise TypeError(f"annotated is not an integer numpy array but {kind}; convert it")
        if numbers.ndim != 1 or not len(numbers):
            raise ValueError(f"annotated has the shape {list(numbers.shape)}; give [n], at least one frame")
        is_wrong = (numbers < 0) | (numbers >= num_frames)
        is_wrong[1:] |= numbers[1:] <= numbers[:-1]
        if is_wrong.any():
            raise ValueError(
                f"annotated has {numbers[is_wrong][0]}; give numbers of frames from 0 to {num_frames - 1}, ascending"
            )

    @property
    def words(self) -> dict[str, Any]:
        """`concepts`, which are things, and `motions`, as arguments of `imap_fast.trace`."""
        things = [concept for concept in self.concepts if concept not in self.motions]
        return {"concepts": things or None, "motions": list(self.motions)}

    @property
    def shown(self) -> Clip | Path:
        """The video of an example that has one.

        Raises:
            ValueError: it is to be generated.
        """
        if self.video is None:
            raise ValueError("it has no video; pass evaluate a function that generates it, generate=…")
        return self.video

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
        void = None if self.void is None else self.void[:, rows, columns]
        video = replace(self.clip, frames=self.clip.frames[:, rows, columns])
        return replace(self, video=video, truths=truths, void=void)


@dataclass(frozen=True)
class DataSet:
    """Clips by name. Each is read when it is needed.

    Attributes:
        source: where the clips come from, as JSON values, without folders of this machine.
        clips: a function that reads the clip, for each clip. It raises ValueError or OSError if it cannot.
        files: a function that finds the files that a clip is read from, for each clip that is read from files.
        folder: that all files are in, so that what is said of a clip need not name it. None: there are no files.
        skipped: a function that finds the names of what is there and not read, by what it is, for some clips.
        of_points: whether the clips have points, whose tracks are measured.
    """

    source: Mapping[str, Any]
    clips: Mapping[str, Callable[[], Example]]
    files: Mapping[str, Callable[[], Sequence[Path]]] = field(default_factory=dict)
    folder: Path | None = None
    skipped: Callable[[Collection[str]], Mapping[str, Sequence[str]]] = lambda clips: {}
    of_points: bool = False

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

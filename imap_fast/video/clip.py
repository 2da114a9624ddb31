"""`Clip`: frames in memory, with a frame rate."""

import hashlib
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from imap_fast.video.picture import ArrayPicture, TimedPicture
from imap_fast.video.rate import MOST_FPS, SLOWEST_FPS
from imap_fast.video.times import check_stretch, is_after, is_before
from imap_fast.video.write import write_mp4

PIPELINE_FPS = 8.0
"""Frames per second of CogVideoX, in its training and in the examples of its pipelines."""


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames of a video.

    Args:
        frames: uint8 `[T, H, W, 3]`, RGB.
        fps: frames per second.
        start: the time of the first frame in its file, in seconds.

    Raises:
        TypeError: frames are not a uint8 numpy array.
        ValueError: frames have another shape, or none; `fps` is not from 0.000001 to 1,000,000, or `start` is negative.
    """

    frames: np.ndarray
    fps: float = PIPELINE_FPS
    start: float = 0.0
    gaps: ClassVar[tuple[()]] = ()
    display: ClassVar[dict[str, str]] = {}
    name: ClassVar[str] = "the video"

    def __post_init__(self) -> None:
        if not isinstance(self.frames, np.ndarray) or self.frames.dtype != np.uint8:
            kind = getattr(self.frames, "dtype", type(self.frames).__name__)
            raise TypeError(f"a clip's frames are a uint8 numpy array, not {kind}; Clip.of(frames) converts them")
        _check_shape(self.frames.shape)
        if not SLOWEST_FPS <= self.fps <= MOST_FPS:  # NaN compares false, and is refused, too
            raise ValueError(f"fps must be a number from {SLOWEST_FPS} to {MOST_FPS}, not {self.fps}")
        if not (math.isfinite(self.start) and self.start >= 0):
            raise ValueError(f"start must be a time from 0 s on, not {self.start}")

    @classmethod
    def of(cls, video: Any, fps: float = PIPELINE_FPS) -> "Clip":
        """Convert frames as pipelines return them: a list of PIL images, or an array or tensor `[T, H, W, 3]`.

        Integer frames must be uint8, and float frames must be in [0, 1]. A `Clip` is returned unchanged, with its
        `fps`.

        Raises:
            TypeError: neither images nor numbers.
            ValueError: no frames, frames of different sizes, another shape, or values outside of the range.
        """
        if isinstance(video, Clip):
            return video
        if hasattr(video, "detach"):  # a tensor; torch is not imported, because it is slow to load
            tensor = video.detach().cpu()
            frames = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
        elif isinstance(video, np.ndarray):
            frames = video
        elif isinstance(video, Sequence) and all(isinstance(frame, Image.Image) for frame in video):
            sizes = sorted({frame.size for frame in video})
            if len(sizes) > 1:
                raise ValueError(f"the frames differ in size (width, height): {sizes}; a clip has one size")
            deep = [frame.mode for frame in video if frame.mode[0] in "IF"]
            if deep:
                raise ValueError(f"images of the mode {deep[0]} have no range of 0 to 255; convert them to RGB by hand")
            frames = np.stack([np.asarray(frame.convert("RGB")) for frame in video]) if video else np.empty(0)
        else:
            raise TypeError(
                f"a video is a Clip, a list of PIL images, or an array [T, H, W, 3], not {type(video).__name__}; "
                "read a file with imap_fast.video.read_clip"
            )
        _check_shape(frames.shape)
        return cls(_as_uint8(frames), fps)

    def timed_frames(self, number: int = 0) -> Iterator[tuple[np.ndarray, float]]:
        """Yield the frames from `number` on, uint8 `[H, W, 3]`, and their times; see `VideoFile.timed_frames`."""
        for place in range(number, len(self.frames)):
            yield self.frames[place], self.start + place / self.fps

    def pictures(self) -> Iterator[TimedPicture]:
        """Yield all frames and their times; see `VideoFile.pictures`."""
        for frame, seconds in self.timed_frames():
            yield TimedPicture(ArrayPicture(frame), seconds)

    def stretch(self, start: float | str | None, end: float | str | None) -> "Clip":
        """The frames from `start` on and before `end`, in seconds as those of the clip. They are not copied.

        Raises:
            TypeError, ValueError: not a time, or the stretch has no frame.
        """
        first, last = check_stretch(start, end)
        seconds = self.start + np.arange(len(self.frames)) / self.fps
        numbers = [number for number, at in enumerate(seconds) if not is_before(at, first) and not is_after(at, last)]
        if not numbers:
            raise ValueError(
                f"the clip has no frame from {first or 0:g} s to {'its end' if last is None else f'{last:g} s'}; it is "
                f"from {seconds[0]:g} s to {seconds[-1]:g} s"
            )
        return Clip(self.frames[numbers[0] : numbers[-1] + 1], self.fps, float(seconds[numbers[0]]))

    @property
    def expected_frames(self) -> int:
        """The number of frames."""
        return len(self.frames)

    def fingerprint(self) -> str:
        """SHA-256 of the shape, the frame rate, the start and the frames."""
        start = f" from {float(self.start)!r}" if self.start else ""
        digest = hashlib.sha256(f"{self.frames.shape} {float(self.fps)!r}{start}\n".encode())
        digest.update(np.ascontiguousarray(self.frames).data)
        return digest.hexdigest()

    def save(self, path: str | os.PathLike) -> None:
        """Write an H.264 .mp4 that browsers play, atomically.

        yuv420p needs even sizes: the last pixel of an odd width or height is repeated.

        Raises:
            ValueError: `path` does not end in .mp4.
            OSError: the folder cannot be written.
        """
        write_mp4(path, self.frames, self.fps)


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) == 4 and shape[-1] == 3 and 0 not in shape:
        return
    remedy = ""
    if len(shape) == 4 and shape[1] == 3:
        remedy = "; put the channels last (tensor.permute(0, 2, 3, 1))"
    elif len(shape) == 5:
        remedy = "; take one video of the batch (video[0])"
    raise ValueError(f"a clip's frames have the shape [T, H, W, 3] with T, H, W ≥ 1, not {list(shape)}{remedy}")


def _as_uint8(frames: np.ndarray) -> np.ndarray:
    """Convert frames to uint8: floats in [0, 1] are multiplied by 255 and rounded."""
    if frames.dtype == np.uint8:
        return frames
    if not np.issubdtype(frames.dtype, np.floating):
        raise ValueError(f"frames are uint8 or float in [0, 1], not {frames.dtype}")
    low, high = frames.min(), frames.max()
    if not (low >= -1e-3 and high <= 1 + 1e-3):  # NaN compares false, and is refused, too
        raise ValueError(
            f"float frames must be in [0, 1], but these span [{low:g}, {high:g}]; rescale them, "
            "or run the model in another dtype if they are NaN"
        )
    return np.rint(frames.clip(0, 1) * 255).astype(np.uint8)

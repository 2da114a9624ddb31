"""The video behind heatmaps, frame by frame, from a clip or from a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from imap_fast.video.clip import Clip
from imap_fast.video.decode import VideoFile
from imap_fast.video.picture import TimedPicture


@dataclass(frozen=True)
class SourceVideo:
    """The frames that a picture shows behind heatmaps.

    Attributes:
        video: where the frames come from.
        num_frames: the number of frames, from the first one of the video, or of its stretch, on.
        height: in pixels. Frames of another size are resized and cropped, as `explain` does.
        width: in pixels.
        cuts: the frames at which a shot begins, without the first one.
        is_blank: whether the frames are plain grey, with nothing to see on them.
    """

    video: Clip | VideoFile
    num_frames: int
    height: int
    width: int
    cuts: tuple[int, ...] = ()
    is_blank: bool = False

    @classmethod
    def of_clip(cls, clip: Clip, cuts: tuple[int, ...] = (), *, is_blank: bool = False) -> SourceVideo:
        """A whole clip at its own size."""
        num_frames, height, width = clip.frames.shape[:3]
        return cls(clip, num_frames, height, width, cuts, is_blank)

    @cached_property
    def own_size(self) -> tuple[int, int]:
        """Height and width of the whole frames."""
        return next(self.video.pictures()).picture.size

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.video.fps

    def pictures(self) -> Iterator[TimedPicture]:
        """Yield each frame and its time in seconds.

        Raises:
            ValueError: the video ends before the last frame.
        """
        count = 0
        for timed in islice(self.video.pictures(), self.num_frames):
            yield timed
            count += 1
        if count < self.num_frames:
            raise ValueError(
                f"{self.video.name} has {count} frames, but the maps were read from {self.num_frames}; give the video "
                "that was read"
            )

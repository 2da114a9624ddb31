"""The video behind maps, frame by frame, wherever it comes from."""

import os
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from imap_fast.render.ground import ground
from imap_fast.video import Clip, VideoFile, resize_and_crop

if TYPE_CHECKING:
    from imap_fast.maps import SaliencyMaps


class Footage:
    """A clip, or as much of a file as the maps were read from, at the size at which it was read.

    Args:
        maps: of one video.
        video: a file, or what `Clip.of` takes; None for a plain ground.

    Attributes:
        plain: whether the ground is all that there is to see.
        num_frames, height, width, fps: of what is shown.

    Raises:
        ValueError: a file that cannot be read, or maps that `explain` did not make of a file.
    """

    def __init__(self, maps: "SaliencyMaps", video: Any) -> None:
        self.plain = video is None
        if not isinstance(video, (str, os.PathLike)):
            self.video = ground(maps) if video is None else Clip.of(video)
            self.num_frames, self.height, self.width = self.video.frames.shape[:3]
        else:
            self.video, read = VideoFile(video), maps.settings.get("video")
            if read is None:
                raise ValueError(f"these maps were not read from a video, so not from {video}; give the clip's frames")
            self.num_frames, self.height, self.width = (read[name] for name in ("num_frames", "height", "width"))
        self.fps = self.video.fps

    def frames(self) -> Iterator[tuple[np.ndarray, float]]:
        """Frames, uint8 `[height, width, 3]`, and their seconds."""
        for frame, seconds in islice(self.video.timed_frames(), self.num_frames):
            yield resize_and_crop(frame[None], self.height, self.width)[0], seconds

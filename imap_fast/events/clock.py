"""When the frames of a video are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from numbers import Real
from typing import Any

import numpy as np
from torch import Tensor

from imap_fast.upsampling.latent_time import LatentTime
from imap_fast.video.rate import MOST_FPS, SLOWEST_FPS


@dataclass(frozen=True)
class Clock:
    """The times of video frames.

    Attributes:
        fps: frames per second, on average.
        shots: the first frame of each shot, and its time in seconds.
        frames: the mean number of the video frames in each latent frame, `[F]`. Empty: frames are evenly spaced.
        seconds: their mean time, `[F]`.
    """

    fps: float
    shots: Sequence[tuple[int, float]] = ((0, 0.0),)
    frames: Sequence[float] = ()
    seconds: Sequence[float] = ()

    def at(self, frame: int) -> float:
        """When a frame appears, in seconds. Of the number after the last one: when the video ends.

        It is linear between what is known of a shot: its first frame, and the means of its latent frames. Behind the
        last one it goes on as before, up to the next shot.
        """
        after = [*self.shots[1:], (inf, inf)]
        shot, (end, at_end) = next(each for each in zip(self.shots, after, strict=True) if frame < each[1][0])
        begin, seconds = shot
        inside = [each for each in zip(self.frames, self.seconds, strict=True) if begin < each[0] < end]
        known = [(begin, seconds), *inside]
        last, at_last = known[-1]
        if frame > last:
            before, at_before = known[-2] if len(known) > 1 else (last - self.fps, at_last - 1)
            return min(at_last + (frame - last) * (at_last - at_before) / (last - before), at_end)
        numbers, times = zip(*known, strict=True)
        return float(np.interp(frame, numbers, times))


def clock_of(
    time: LatentTime, seconds: Tensor | None, read: Mapping[str, Any], fps: float | None = None
) -> Clock | None:
    """The clock of a video. None: nobody knows its times.

    Args:
        time: how latent frames relate to video frames.
        seconds: the mean time of the frames in each latent frame, `[F]`. None: they are evenly spaced.
        read: what `explain` read. Empty: the video was generated.
        fps: frames per second of a generated video. None: nobody knows.

    Raises:
        ValueError: `fps` is no rate, or is given for a video that was read.
    """
    if fps is not None and read:
        raise ValueError(f"fps={fps!r} is for generated videos, and these maps know the times of theirs; omit it")
    if fps is not None and (isinstance(fps, bool) or not isinstance(fps, Real) or not SLOWEST_FPS <= fps <= MOST_FPS):
        raise ValueError(f"fps={fps!r} is no rate; give frames per second, up to {MOST_FPS}")
    rate = fps or read.get("fps")
    if rate is None:
        return None
    shots = [(shot["first_frame"], shot["seconds"]) for shot in read.get("shots") or ()]
    shots = shots or [(0, read.get("start") or 0.0)]
    if seconds is None:
        return Clock(float(rate), shots)
    frames = time.frame_times(len(seconds), read["num_frames"]).tolist()
    return Clock(float(rate), shots, frames, seconds.tolist())

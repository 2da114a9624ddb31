"""The shots of a video, as parts of its maps."""

from __future__ import annotations

from typing import NamedTuple

from imap_fast.upsampling.latent_time import LatentTime


class Shot(NamedTuple):
    """A part of a video between two cuts.

    Attributes:
        frames: the numbers of its video frames, among those that were read.
        latents: its latent frames: `maps.imap[:, shot.latents]`.
        seconds: the time of its first frame. None for a generated video.
    """

    frames: range
    latents: slice
    seconds: float | None


def shots_of(time: LatentTime, seconds: list[float | None], latent_frames: int, num_frames: int) -> tuple[Shot, ...]:
    """The shots of a video.

    Args:
        time: of its latent frames.
        seconds: the time of the first frame of each shot.
        latent_frames: F.
        num_frames: of the video.
    """
    shots, latent = [], 0
    for number, (first, covered) in enumerate(time.shots or ((0, num_frames),)):
        is_last = number == len(seconds) - 1
        end = num_frames if is_last else time.shots[number + 1][0]
        last = latent_frames if is_last else latent + time.latent_frames(covered)
        shots.append(Shot(range(first, end), slice(latent, last), seconds[number]))
        latent = last
    return tuple(shots)

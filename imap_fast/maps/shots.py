"""The shots of a video, as parts of its maps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
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


def shots_of(time: LatentTime, seconds: Sequence[float], latent_frames: int, num_frames: int) -> tuple[Shot, ...]:
    """The shots of a video.

    Args:
        time: of its latent frames.
        seconds: the time of the first frame of each shot. Empty: the video was not cut, and has no times.
        latent_frames: F.
        num_frames: of the video.
    """
    if not seconds:
        return (Shot(range(num_frames), slice(0, latent_frames), None),)
    latents = accumulate(time.latents_of_shots(latent_frames), initial=0)
    frames = [0, *time.cuts, num_frames]
    return tuple(
        Shot(range(*of_frames), slice(*of_latents), at)
        for of_frames, of_latents, at in zip(pairwise(frames), pairwise(latents), seconds, strict=True)
    )

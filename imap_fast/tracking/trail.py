"""The track of a region as shares of the picture, for drawing at any size."""

from __future__ import annotations

from torch import Tensor

from imap_fast.tracking.track import Track, track
from imap_fast.upsampling.latent_time import LatentTime

WHOLE = slice(0, 1), slice(0, 1)


def trail(label: str, values: Tensor, time: LatentTime, num_frames: int, own: int | None) -> Track:
    """The track of a region, whose x and y are shares of the width and the height of what the model saw.

    Arguments and errors are those of `imap_fast.tracking.track.track`.
    """
    return track(label, values, time, num_frames, WHOLE, own=own)

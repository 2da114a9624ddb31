"""What maps are shown on where there is no video."""

from typing import TYPE_CHECKING

import numpy as np

from imap_fast.render.upsample import longest_video
from imap_fast.video import Clip

if TYPE_CHECKING:
    from imap_fast.maps import SaliencyMaps

GREY = 24
"""Dark enough for heat to stand out."""

PATCH = 16
"""Pixels of a patch's side: a VAE's eightfold compression, times patches of two."""


def ground(maps: "SaliencyMaps") -> Clip:
    """A plain grey clip, of the size and length of the video that `maps` were read from, as far as that is known."""
    frames, height, width = maps.grid
    read = maps.settings.get("video", {})
    shape = (
        read.get("num_frames") or longest_video(frames, **maps.time),
        read.get("height") or PATCH * height,
        read.get("width") or PATCH * width,
        3,
    )
    return Clip(np.broadcast_to(np.uint8(GREY), shape), read.get("fps") or Clip.fps)

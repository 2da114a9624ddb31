"""What heatmaps are drawn on if there is no video."""

import numpy as np

from imap_fast.video.clip import PIPELINE_FPS, Clip

GREY = 24
"""Grey level, dark enough for heat to stand out."""


def blank_clip(num_frames: int, height: int, width: int, fps: float | None = None) -> Clip:
    """A grey clip of this size, which takes the memory of one pixel."""
    return Clip(np.broadcast_to(np.uint8(GREY), (num_frames, height, width, 3)), fps or PIPELINE_FPS)

"""Which frames of a video a still picture shows."""

import numpy as np


def evenly_spaced(num_frames: int, count: int) -> list[int]:
    """At most `count` frame numbers, evenly spaced, with the first and the last frame."""
    return np.unique(np.linspace(0, num_frames - 1, count).round().astype(int)).tolist()

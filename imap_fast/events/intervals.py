"""From latent frames that are active to intervals of video frames."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil

import numpy as np


def runs(active: np.ndarray) -> list[slice]:
    """The longest runs of true values of `[F]`, in order."""
    edges = np.flatnonzero(np.diff(active, prepend=False, append=False)).tolist()
    return [slice(begin, end) for begin, end in zip(edges[::2], edges[1::2], strict=True)]


def frame_edges(times: Sequence[float], num_frames: int, shots: Sequence[tuple[int, int]]) -> list[int]:
    """The video frame at which each latent frame begins to count, and then the number of frames.

    It is the first one that is not before the middle between two latent frames. A shot begins at its cut.

    Args:
        times: of the latent frames, in video frames, `[F]`, ascending.
        num_frames: of the video.
        shots: the first latent frame and the first video frame of each shot.
    """
    edges = [0, *(ceil((before + after) / 2) for before, after in pairwise(times)), num_frames]
    for latent, frame in shots:
        edges[latent] = frame
    return edges

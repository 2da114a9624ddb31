"""What is shown to a model that segments by prompts: where a concept is hottest, and the box of the region around."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

MOST_PROMPTS = 3
"""The frames with a prompt, at most: the hottest ones."""

_TOUCHING = np.ones((3, 3), bool)


class Prompt(NamedTuple):
    """A concept in one frame. Places are shares of the width and of the height of the frame.

    Attributes:
        frame: its number.
        peak: the centre of the hottest patch, `(x, y)`.
        box: the region of the mask around it, `(left, top, right, bottom)`.
    """

    frame: int
    peak: tuple[float, float]
    box: tuple[float, float, float, float]


def prompts_of(scores: np.ndarray) -> list[Prompt]:
    """The prompts of one concept, in the order of the frames. Empty if it is in none of them.

    Args:
        scores: of the patches, fp32 `[n, h, w]`; see `imap_fast.masks.scale.scores_of`.
    """
    peaks = scores.reshape(len(scores), -1).max(1)
    hottest = np.argsort(-peaks, kind="stable")[:MOST_PROMPTS]
    return [_prompt(frame, scores[frame]) for frame in sorted(hottest.tolist()) if peaks[frame] >= 0]


def _prompt(frame: int, score: np.ndarray) -> Prompt:
    height, width = score.shape
    row, column = np.unravel_index(score.argmax(), score.shape)
    numbers, _ = ndimage.label(score >= 0, _TOUCHING)
    rows, columns = np.nonzero(numbers == numbers[row, column])
    left, right = columns.min() / width, (columns.max() + 1) / width
    top, bottom = rows.min() / height, (rows.max() + 1) / height
    return Prompt(frame, ((column + 0.5) / width, (row + 0.5) / height), (left, top, right, bottom))

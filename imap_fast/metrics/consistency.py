"""How steadily a segmentation is right over consecutive frames: VC of VSPW."""

from collections.abc import Sequence
from math import nan

import numpy as np


def video_consistency(
    predicted: np.ndarray, classes: np.ndarray, counted: np.ndarray, lengths: Sequence[int]
) -> list[float]:
    """Of the pixels that are of one class over a run of frames, the part that is predicted right in all of them.

    Returns the mean over all runs of each length. Runs in which no pixel keeps its class do not count.

    Args:
        predicted: integers `[n, H, W]`, one for each class.
        classes: the ground truth, the same shape.
        counted: the pixels that count, bool, the same shape. A pixel counts in a run if it does in all of its frames.
        lengths: the numbers of frames of a run.

    Returns:
        One value for each length; NaN if there is no run.
    """
    steady = np.zeros(classes.shape[1:], np.int32)  # for how many frames the pixel has been of its class
    right = np.zeros_like(steady)  # for how many of these it has been predicted right
    shares: list[list[float]] = [[] for _ in lengths]
    for frame, (here, truth, counts) in enumerate(zip(predicted, classes, counted, strict=True)):
        if frame:
            is_same = truth == classes[frame - 1]
            steady *= is_same
            right *= is_same
        steady = (steady + 1) * counts
        right = (right + 1) * (counts & (here == truth))
        for length, of_length in zip(lengths, shares, strict=True):
            if num_steady := (steady >= length).sum():
                of_length.append(float((right >= length).sum() / num_steady))
    return [float(np.mean(of_length)) if of_length else nan for of_length in shares]

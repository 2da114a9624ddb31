"""How steadily pixels keep the class that a segmentation gives them: VC of VSPW."""

from collections.abc import Sequence
from math import nan

import numpy as np


def video_consistency(
    predicted: np.ndarray, classes: np.ndarray, counted: np.ndarray, lengths: Sequence[int]
) -> list[float]:
    """Of the pixels that are of one class over a run of frames, the part that is predicted to be of one class, too.

    As in the published code, any one class will do, and the last frame of a clip is in no run. Returns the mean over
    all runs of each length. Runs in which no pixel keeps its class do not count.

    Args:
        predicted: integers `[n, H, W]`, one for each class.
        classes: the ground truth, the same shape.
        counted: the pixels that count, bool, the same shape. A pixel counts in a run if it does in all of its frames.
        lengths: the numbers of frames of a run.

    Returns:
        One value for each length; NaN if there is no run.
    """
    steady = np.zeros(classes.shape[1:], np.int32)  # for how many frames the pixel has been of its class
    kept = np.zeros_like(steady)  # for how many of these its prediction has been the same
    shares: list[list[float]] = [[] for _ in lengths]
    for frame in range(len(classes) - 1):
        if frame:
            is_same = classes[frame] == classes[frame - 1]
            steady *= is_same
            kept *= is_same & (predicted[frame] == predicted[frame - 1])
        steady = (steady + 1) * counted[frame]
        kept = (kept + 1) * counted[frame]
        for length, of_length in zip(lengths, shares, strict=True):
            if num_steady := (steady >= length).sum():
                of_length.append(float((kept >= length).sum() / num_steady))
    return [float(np.mean(of_length)) if of_length else nan for of_length in shares]

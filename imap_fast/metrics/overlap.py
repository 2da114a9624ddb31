"""Measures of how well predicted masks overlap with given ones, and the threshold that makes a mask of scores."""

import numpy as np


def iou(predicted: np.ndarray, mask: np.ndarray) -> float:
    """Intersection over union of two bool arrays of one shape. At least one of them must not be empty."""
    return float((predicted & mask).sum() / (predicted | mask).sum())


def mean_iou(predicted: np.ndarray, classes: np.ndarray) -> float:
    """Mean over classes of their intersection over union. A class that neither array contains does not count.

    Args:
        predicted: integers of any shape, one for each class.
        classes: the ground truth, the same shape.
    """
    return float(np.mean([iou(predicted == each, classes == each) for each in np.union1d(predicted, classes)]))


def otsu_threshold(scores: np.ndarray) -> float:
    """The threshold that maximizes the variance between the two parts of the scores (Otsu 1979).

    Every split is tried, without a histogram. The threshold is the lowest score of the upper part. If all scores are
    equal, it is their value.

    Args:
        scores: any shape, at least one.
    """
    ordered = np.sort(scores, axis=None).astype(np.float64)
    total, lower = ordered.cumsum(), np.arange(1, ordered.size)
    upper = ordered.size - lower
    between = lower * upper * (total[:-1] / lower - (total[-1] - total[:-1]) / upper) ** 2
    # A split among equal scores never gives more variance than one at their border.
    return float(ordered[1 + between.argmax()] if len(between) else ordered[0])

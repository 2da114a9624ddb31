"""Measures of how well predicted masks overlap with given ones, and the threshold that makes a mask of scores."""

import numpy as np

_PART = 2**20
"""Splits that are compared at once, so that the scores of a whole clip fit the memory."""


def iou(predicted: np.ndarray, mask: np.ndarray) -> float:
    """Intersection over union of two bool arrays of one shape; 1 if both are empty."""
    union = (predicted | mask).sum()
    return float((predicted & mask).sum() / union) if union else 1.0


def overlaps(predicted: np.ndarray, classes: np.ndarray, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The intersection and the union of each class, in pixels, int64 `[num_classes]` each.

    Args:
        predicted: integers of any shape, from 0 to `num_classes - 1`.
        classes: the ground truth, the same shape.
        num_classes: the number of classes.
    """
    pairs = np.bincount(classes.ravel() * num_classes + predicted.ravel(), minlength=num_classes**2)
    pairs = pairs.reshape(num_classes, num_classes)
    intersection = pairs.diagonal()
    return intersection, pairs.sum(0) + pairs.sum(1) - intersection


def mean_iou(intersection: np.ndarray, union: np.ndarray) -> float:
    """Mean over classes of their intersection over union; see `overlaps`. A class that nothing has does not count."""
    is_present = union > 0
    return float(np.mean(intersection[is_present] / union[is_present])) if is_present.any() else np.nan


def otsu_threshold(scores: np.ndarray) -> float:
    """The threshold that maximizes the variance between the two parts of the scores (Otsu 1979).

    Every split is tried, without a histogram. The threshold is the lowest score of the upper part. If all scores are
    equal, it is their value.

    Args:
        scores: any shape, at least one.
    """
    ordered = np.sort(scores, axis=None)
    total = ordered.cumsum(dtype=np.float64)
    best, threshold = -1.0, ordered[0]
    for begin in range(1, ordered.size, _PART):
        lower = np.arange(begin, min(begin + _PART, ordered.size))
        upper, below = ordered.size - lower, total[lower - 1]
        between = lower * upper * (below / lower - (total[-1] - below) / upper) ** 2
        # A split among equal scores never gives more variance than one at their border.
        if between.max() > best:
            best, threshold = between.max(), ordered[begin + between.argmax()]
    return float(threshold)

"""How well scores point at a mask: each measure of one set of points, whatever its shape.

NumPy's sort of fp32 is fast, so the ranking measures sort the points inside and outside, and look one up in the other.
"""

import numpy as np


def auc(scores: np.ndarray, inside: np.ndarray) -> float:
    """The chance that a point inside scores higher than one outside, ties counting half: area under the ROC curve.

    Args:
        scores: any shape.
        inside: bool, the same shape.

    Raises:
        ValueError: all points are inside or all outside, which leaves nothing to compare.
    """
    inner, outer = _parted("AUC", scores, inside)
    below = np.searchsorted(outer, inner, "left").sum() + np.searchsorted(outer, inner, "right").sum()
    return float(below / (2 * len(inner) * len(outer)))


def best_iou(scores: np.ndarray, inside: np.ndarray) -> float:
    """The intersection over union of the mask and the points at or above a threshold, at the best threshold there is.

    Arguments and errors are those of `auc`.
    """
    inner, outer = _parted("IoU", scores, inside)
    # Between two scores inside, a lower threshold lets in points outside alone: only scores inside can be the best.
    right = len(inner) - np.searchsorted(inner, inner, "left")
    wrong = len(outer) - np.searchsorted(outer, inner, "left")
    return float((right / (len(inner) + wrong)).max())


def otsu_threshold(scores: np.ndarray) -> float:
    """The lowest score of the upper part, where parting the scores in two leaves most variance between the parts.

    Otsu 1979, not on a histogram but with every parting tried. Where all scores are equal, it is theirs.

    Args:
        scores: any shape, at least one.
    """
    ordered = np.sort(scores, axis=None).astype(np.float64)
    total, lower = ordered.cumsum(), np.arange(1, ordered.size)
    upper = ordered.size - lower
    between = lower * upper * (total[:-1] / lower - (total[-1] - total[:-1]) / upper) ** 2
    # Among equal scores it is never more than at their borders.
    return float(ordered[1 + between.argmax()] if len(between) else ordered[0])


def iou(predicted: np.ndarray, inside: np.ndarray) -> float:
    """Intersection over union of two bool arrays of one shape, of which one at least is not empty."""
    return float((predicted & inside).sum() / (predicted | inside).sum())


def pointing(scores: np.ndarray, inside: np.ndarray) -> float:
    """The pointing game: 1 where the highest score is inside, else 0; of several highest ones, the share inside."""
    return float(inside[scores == scores.max()].mean())


def mean_iou(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Mean over classes of their intersection over union; a class that neither has does not count.

    Args:
        predicted: whole numbers, one for a class, any shape.
        truth: the same.
    """
    classes = np.union1d(predicted, truth)
    return float(np.mean([iou(predicted == each, truth == each) for each in classes]))


def _parted(measure: str, scores: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scores inside and those outside, ascending."""
    inner, outer = np.sort(scores[inside]), np.sort(scores[~inside])
    if not len(inner) or not len(outer):
        raise ValueError(
            f"{measure} compares points inside with points outside, but {len(inner)} of {inside.size} are inside"
        )
    return inner, outer

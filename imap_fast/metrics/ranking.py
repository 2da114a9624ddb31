"""Measures of how high scores rank the points of a mask.

Each measure takes one set of points of any shape. NumPy sorts fp32 fast, so `auc` and `best_iou` sort the scores inside
and outside of the mask, and search one in the other.
"""

import numpy as np


def auc(scores: np.ndarray, mask: np.ndarray) -> float:
    """Area under the ROC curve: the probability that a point inside scores higher than one outside. Ties count half.

    Args:
        scores: any shape.
        mask: bool, the same shape.

    Raises:
        ValueError: the mask is empty or full, so there is nothing to compare.
    """
    inside, outside = _sorted_parts("AUC", scores, mask)
    below = np.searchsorted(outside, inside, "left").sum() + np.searchsorted(outside, inside, "right").sum()
    return float(below / (2 * len(inside) * len(outside)))


def best_iou(scores: np.ndarray, mask: np.ndarray) -> float:
    """The highest intersection over union of the mask and `scores >= threshold`, over all thresholds.

    Arguments and errors are those of `auc`.
    """
    inside, outside = _sorted_parts("IoU", scores, mask)
    # The best threshold is a score inside: between two of them, a lower threshold only adds points outside.
    intersection = len(inside) - np.searchsorted(inside, inside, "left")
    false_positives = len(outside) - np.searchsorted(outside, inside, "left")
    return float((intersection / (len(inside) + false_positives)).max())


def pointing(scores: np.ndarray, mask: np.ndarray) -> float:
    """The pointing game: 1 if the highest score is inside the mask, else 0. Several maxima count by their share."""
    return float(mask[scores == scores.max()].mean())


def _sorted_parts(measure: str, scores: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scores inside and outside of the mask, each ascending."""
    inside, outside = np.sort(scores[mask]), np.sort(scores[~mask])
    if not len(inside) or not len(outside):
        raise ValueError(
            f"{measure} compares points inside with points outside, but {len(inside)} of {mask.size} are inside; "
            "give a mask with both"
        )
    return inside, outside

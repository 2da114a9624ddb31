"""Each measure against another implementation, or against all there is to try."""

import numpy as np
import pytest
import torch
from sklearn.metrics import jaccard_score, roc_auc_score
from torchmetrics import JaccardIndex

from imap_fast.metrics import overlap
from imap_fast.metrics.overlap import iou, mean_iou, otsu_threshold, overlaps
from imap_fast.metrics.ranking import auc, best_iou, pointing

LEVELS = [2, 7, 10_000]
"""How many different scores there are: few make ties."""


def draw(levels):
    """Scores fp32 `[5, 13, 11]`, and a mask that follows them somewhat."""
    rng = np.random.default_rng(levels)
    scores = (rng.integers(levels, size=(5, 13, 11)) / levels).astype(np.float32)
    return scores, rng.random(scores.shape) < 0.1 + 0.4 * scores


@pytest.mark.parametrize("levels", LEVELS)
def test_auc_is_scikit_learns(levels):
    scores, inside = draw(levels)
    assert auc(scores, inside) == pytest.approx(roc_auc_score(inside.ravel(), scores.ravel()), abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("levels", LEVELS)
def test_the_best_iou_is_the_best_of_all_thresholds(levels):
    scores, inside = draw(levels)
    tried = [jaccard_score(inside.ravel(), (scores >= threshold).ravel()) for threshold in np.unique(scores)]
    assert best_iou(scores, inside) == pytest.approx(max(tried), abs=1e-12)


@pytest.mark.parametrize("levels", LEVELS)
def test_otsus_threshold_leaves_most_variance_between_the_parts(levels):
    scores, _ = draw(levels)

    def between(threshold):
        low, high = scores[scores < threshold].astype(float), scores[scores >= threshold].astype(float)
        return low.size * high.size * (low.mean() - high.mean()) ** 2

    tried = np.unique(scores)[1:]
    assert otsu_threshold(scores) == max(tried, key=between)


def test_otsus_threshold_of_one_value_is_that_value():
    assert otsu_threshold(np.full((3, 4), -2.5, np.float32)) == -2.5
    assert otsu_threshold(np.float32([7])) == 7


def test_otsus_threshold_is_the_same_however_many_splits_are_compared_at_once(monkeypatch):
    scores, found = draw(7)[0], {}
    for part in (1, 3, 100, 2**20):
        monkeypatch.setattr(overlap, "_PART", part)
        found[part] = otsu_threshold(scores), otsu_threshold(np.arange(3))
    assert set(found.values()) == {(found[1][0], 1)}, "of two splits that are as good, the lower one"


@pytest.mark.parametrize("levels", LEVELS)
def test_iou_is_scikit_learns(levels):
    scores, inside = draw(levels)
    predicted = scores >= 0.5
    assert iou(predicted, inside) == pytest.approx(jaccard_score(inside.ravel(), predicted.ravel()), abs=1e-12)


@pytest.mark.parametrize("present", [5, 3])
def test_mean_iou_is_torchmetrics(present):
    """With classes that neither has, too."""
    rng = np.random.default_rng(present)
    truth = rng.integers(present, size=(4, 9, 7))
    predicted = np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(present, size=truth.shape))
    theirs = JaccardIndex(task="multiclass", num_classes=5, average="macro")
    theirs = theirs(torch.from_numpy(predicted), torch.from_numpy(truth)).item()
    assert mean_iou(*overlaps(predicted, truth, 5)) == pytest.approx(theirs, abs=1e-6)


def test_a_class_that_is_only_predicted_counts_as_missed():
    assert mean_iou(*overlaps(np.array([0, 0, 2, 1]), np.array([0, 0, 0, 1]), 4)) == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_pointing_is_a_hit_a_miss_or_the_share_of_equals():
    inside = np.array([[True, False], [False, False]])
    assert pointing(np.array([[3.0, 1.0], [1.0, 2.0]]), inside) == 1
    assert pointing(np.array([[2.0, 1.0], [1.0, 3.0]]), inside) == 0
    assert pointing(np.zeros((2, 2)), inside) == 0.25


@pytest.mark.parametrize("measure", [auc, best_iou])
@pytest.mark.parametrize("inside", [True, False])
def test_ranking_needs_both_sides(measure, inside):
    with pytest.raises(ValueError, match=f"but {12 if inside else 0} of 12 are inside"):
        measure(np.zeros((3, 4)), np.full((3, 4), inside))

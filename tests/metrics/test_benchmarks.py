"""J, F, VC and mIoU are those of the benchmarks: by the published code's numbers, and by their definitions."""

import json
from math import ceil, isnan, nan

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics import JaccardIndex

from imap_fast.metrics.bootstrap import estimate, estimate_mean_iou
from imap_fast.metrics.boundary import TOLERANCE, boundary, boundary_f, dilated
from imap_fast.metrics.consistency import video_consistency
from imap_fast.metrics.overlap import iou, overlaps
from tests.metrics.public_numbers import NUMBERS, draw_classes, draw_masks

PUBLISHED = json.loads(NUMBERS.read_text())

sizes = st.tuples(st.integers(1, 23), st.integers(1, 23)) | st.sampled_from([(1, 400), (400, 1), (2, 251)])
seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    "case", PUBLISHED["masks"], ids=lambda case: "-".join(map(str, case["shape"] + [case["seed"]]))
)
def test_j_and_f_are_what_the_code_of_davis_and_mevis_measures(case):
    predicted, truth, void = draw_masks(case["seed"], tuple(case["shape"]), void=case["void"])
    if void is not None:
        predicted, truth = predicted & ~void, truth & ~void
    frames = list(zip(predicted, truth, strict=True))
    assert [iou(*frame) for frame in frames] == case["j"]
    assert [boundary_f(*frame) for frame in frames] == case["f"]


def test_the_published_numbers_are_of_all_kinds():
    for measure in ("j", "f"):
        for void in (False, True):
            values = [value for case in PUBLISHED["masks"] if case["void"] == void for value in case[measure]]
            assert {0.0, 1.0} < set(values)
            assert len(set(values)) > 15


@pytest.mark.parametrize("case", PUBLISHED["clips"], ids=lambda case: f"{case['frames']} of {case['length']}")
def test_vc_is_what_the_code_of_vspw_measures(case):
    predicted, truth = draw_classes(case["seed"], case["frames"])
    (found,) = video_consistency(predicted, truth, np.ones(truth.shape, bool), [case["length"]])
    assert found == pytest.approx(case["vc"], abs=1e-12)


def distances(points, others):
    """Squared distances of all true pixels of a mask to all of another one, int64 `[n, m]`."""
    return ((np.argwhere(points)[:, None] - np.argwhere(others)[None]) ** 2).sum(-1)


def edges(mask):
    """The boundary, pixel by pixel."""
    height, width = mask.shape
    found = np.zeros_like(mask)
    for row in range(height):
        for column in range(width):
            below, right = min(row + 1, height - 1), min(column + 1, width - 1)
            around = mask[row, right], mask[below, column], mask[below, right]
            found[row, column] = any(each != mask[row, column] for each in around)
    return found


def f_by_distances(predicted, truth):
    radius = ceil(TOLERANCE * np.linalg.norm(truth.shape))
    found, wanted = edges(predicted), edges(truth)
    if not found.any() or not wanted.any():
        return float(found.any() == wanted.any())
    is_near = distances(found, wanted) <= radius**2
    precision, recall = is_near.any(1).sum() / found.sum(), is_near.any(0).sum() / wanted.sum()
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


@settings(deadline=None)
@given(size=sizes, seed=seeds, radius=st.integers(0, 30))
def test_a_mask_is_dilated_by_a_disk(size, seed, radius):
    mask = np.random.default_rng(seed).random(size) < 0.05
    everywhere = np.ones(size, bool)
    is_near = (distances(everywhere, mask) <= radius**2).any(1).reshape(size)
    assert np.array_equal(dilated(mask, radius), is_near)


@settings(deadline=None)
@given(size=sizes, seed=seeds, density=st.sampled_from([0.02, 0.5, 0.98]))
def test_f_is_that_of_the_distances_between_boundaries(size, seed, density):
    predicted, truth = np.random.default_rng(seed).random((2, *size)) < density
    assert np.array_equal(boundary(truth), edges(truth))
    assert boundary_f(predicted, truth) == f_by_distances(predicted, truth)


def test_masks_without_a_boundary_match_each_other_and_no_other():
    empty, half = np.zeros((2, 5, 6), bool)
    half[:, :3] = True
    assert boundary_f(empty, empty) == boundary_f(~empty, ~empty) == iou(empty, empty) == 1
    assert boundary_f(empty, half) == boundary_f(half, empty) == iou(empty, half) == 0
    far = np.zeros((400, 400), bool)
    near = far.copy()
    far[0, 0] = near[0, 10] = True
    assert boundary_f(far, near) == 0, "0.008 of the diagonal is less than 5 pixels"


def vc_run_by_run(predicted, truth, counted, length):
    shares = []
    for begin in range(len(truth) - length):
        run = slice(begin, begin + length)
        steady = (truth[run] == truth[begin]).all(0) & counted[run].all(0)
        if steady.any():
            shares.append((predicted[run] == predicted[begin]).all(0)[steady].mean())
    return np.mean(shares) if shares else nan


@settings(deadline=None)
@given(frames=st.integers(1, 12), seed=seeds, lengths=st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_vc_is_that_of_each_run(frames, seed, lengths):
    rng = np.random.default_rng(seed)
    truth = np.sort(rng.integers(3, size=(frames, 4, 5)), axis=0)
    predicted = np.where(rng.random(truth.shape) < 0.9, truth, rng.integers(3, size=truth.shape))
    counted = rng.random(truth.shape) < 0.95
    expected = [vc_run_by_run(predicted, truth, counted, length) for length in lengths]
    assert video_consistency(predicted, truth, counted, lengths) == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_a_class_that_stays_wrong_is_consistent_and_a_clip_of_one_run_has_none():
    truth = np.zeros((9, 1, 2), int)
    predicted = np.stack([truth[..., 0] + 1, np.arange(9)[:, None]], -1)
    steady, long = video_consistency(predicted, truth, np.ones(truth.shape, bool), [8, 9])
    assert steady == 0.5
    assert isnan(long)


def test_miou_is_torchmetrics_of_all_clips_together():
    theirs = JaccardIndex(task="multiclass", num_classes=7, average="macro")
    rng, clips = np.random.default_rng(0), []
    for _ in range(5):
        truth = rng.choice(rng.permutation(5)[:3], size=(4, 9, 7))
        predicted = np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(6, size=truth.shape))
        theirs.update(torch.from_numpy(predicted), torch.from_numpy(truth))
        clips.append(dict(zip("abcdefg", zip(*overlaps(predicted, truth, 7), strict=True), strict=True)))
    found = estimate_mean_iou(clips)
    assert found.mean == pytest.approx(theirs.compute().item(), abs=1e-6)
    assert (found.values, found.clips, found.left_out) == (6, 5, 1), "a seventh class is nowhere"


def test_classes_of_a_clip_each_have_the_interval_of_means_over_clips():
    """Then the mean over classes is a mean over clips."""
    rng = np.random.default_rng(3)
    shares = rng.random((20, 2))
    found = estimate_mean_iou([{f"{n} {m}": (v, 1.0) for m, v in enumerate(of)} for n, of in enumerate(shares)])
    expected = estimate(shares.tolist())
    assert found.mean == pytest.approx(expected.mean)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_one_clip_has_a_miou_and_no_interval_and_none_has_neither():
    one, none = estimate_mean_iou([{"a": (1.0, 2.0), "b": (0.0, 0.0)}, {}]), estimate_mean_iou([{}, {}])
    assert (one.mean, one.values, one.clips, one.left_out) == (0.5, 1, 1, 1)
    assert isnan(one.low)
    assert isnan(none.mean)
    assert (none.values, none.clips, none.left_out) == (0, 0, 0)


@pytest.mark.slow
def test_the_interval_of_miou_covers_the_true_one():
    """Also where one class is in every clip and the others in few, whose resampled mean would lie too high."""
    rng, covered, rare = np.random.default_rng(0), 0, np.linspace(0.2, 0.8, 12)

    def draw(count):
        clips = []
        for _ in range(count):
            shared, of_clip = rng.normal(0, 0.1), {}
            for number in (12, *rng.choice(12, 2, replace=False)):
                union = float(rng.integers(500, 1500))
                share = np.clip([*rare, 0.9][number] + shared + rng.normal(0, 0.1), 0, 1)
                of_clip[str(number)] = (union * share, union)
            clips.append(of_clip)
        return clips

    true = estimate_mean_iou(draw(3000)).mean
    for seed in range(100):
        found = estimate_mean_iou(draw(30), seed=seed)
        covered += found.low <= true <= found.high
        assert found.low < found.mean < found.high
    assert covered >= 92

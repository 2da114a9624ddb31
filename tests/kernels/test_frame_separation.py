"""Separation scores against scikit-learn, and the choice of motion heads."""

import importlib

import numpy
import pytest
import sklearn.metrics
import torch
from hypothesis import given
from hypothesis import strategies as st

from imap_kernels import SCORES, frame_separation, motion_heads
from tests.assertions import assert_close
from tests.device import DEVICE
from tests.kernels.draw import ANY_SHAPE, draw_rows


def draw_features(heads, frames, patches, dim, *, seed, dtype=torch.float32, mean=0.0):
    """Tokens around a center of their frame; every head separates its frames more than the one before."""
    features = draw_rows(heads, frames * patches, dim, seed=seed, dtype=dtype)
    center = (
        draw_rows(heads, frames, dim, seed=seed + 1, dtype=dtype) * torch.arange(heads, device=DEVICE)[:, None, None]
    )
    return features + center.to(dtype).repeat_interleave(patches, 1) + mean


def scikit_learn(features: torch.Tensor, frames: int, score: str) -> torch.Tensor:
    """The score of every head in fp64 by scikit-learn; `fisher` from its two scatters."""
    tokens = features.shape[1]
    label = numpy.repeat(numpy.arange(frames), tokens // frames)
    measure = {
        "chi": sklearn.metrics.calinski_harabasz_score,
        "fisher": lambda x, label: sklearn.metrics.calinski_harabasz_score(x, label) * (frames - 1) / (tokens - frames),
        "dbi": sklearn.metrics.davies_bouldin_score,
        "silhouette": lambda x, label: sklearn.metrics.silhouette_score(
            x, label, sample_size=min(5000, tokens), random_state=0
        ),
    }[score]
    return torch.tensor([measure(head, label) for head in features.double().cpu().numpy()])


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    ("heads", "frames", "patches", "dim"), [(1, 2, 2, 4), (2, 2, 131, 64), (3, 5, 17, 96), (2, 7, 13, 128)]
)
def test_is_scikit_learns(backend, heads, frames, patches, dim, dtype, score):
    features = draw_features(heads, frames, patches, dim, seed=1, dtype=dtype)
    scores = frame_separation(features, frames=frames, score=score, backend=backend)
    assert scores.dtype == torch.float32
    assert_close(scores, scikit_learn(features, frames, score), 2e-5)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("mean", [1e3, 1e5])
def test_mean_far_larger_than_the_spread(backend, mean, score):
    features = draw_features(3, 4, 37, 64, seed=2, mean=mean)
    scores = frame_separation(features, frames=4, score=score, backend=backend)
    assert_close(scores, scikit_learn(features, 4, score), 1e-4)


@pytest.mark.slow
def test_so_many_patches_that_parts_are_merged_in_turn(backend):
    features = draw_features(2, 2, 64 * 128 + 129, 4, seed=11)
    for score in ("chi", "dbi"):
        scores = frame_separation(features, frames=2, score=score, backend=backend)
        assert_close(scores, scikit_learn(features, 2, score), 2e-5)


@pytest.mark.slow
def test_silhouette_samples_the_tokens_that_scikit_learn_does(backend):
    features = draw_features(2, 3, 1901, 4, seed=3)[1:].clone()
    # What it leaves out lies elsewhere, so that the sample tells itself from all tokens.
    features[:, numpy.random.RandomState(0).permutation(3 * 1901)[5000:]] += 100
    scores = frame_separation(features, frames=3, score="silhouette", backend=backend)
    expected = scikit_learn(features, 3, "silhouette")
    assert_close(scores, expected, 1e-5)
    label = numpy.repeat(numpy.arange(3), 1901)
    everything = sklearn.metrics.silhouette_score(features[0].double().cpu().numpy(), label)
    assert abs(everything - expected.item()) > 1e-2


def test_silhouette_of_frames_with_one_sampled_token_and_with_none(backend, monkeypatch):
    module = importlib.import_module("imap_kernels.frame_separation.silhouette")
    monkeypatch.setattr(module, "SAMPLE", 8)
    module.sampled_tokens.cache_clear()
    features = draw_features(2, 8, 4, 16, seed=7)
    scores = frame_separation(features, frames=8, score="silhouette", backend=backend)
    module.sampled_tokens.cache_clear()
    label = numpy.repeat(numpy.arange(8), 4)
    sampled = numpy.random.RandomState(0).permutation(32)[:8]
    count = numpy.bincount(label[sampled], minlength=8)
    assert {0, 1, 2} <= set(count)
    expected = [sklearn.metrics.silhouette_score(x[sampled], label[sampled]) for x in features.double().cpu().numpy()]
    assert_close(scores, torch.tensor(expected), 1e-5)


@ANY_SHAPE
@given(
    heads=st.integers(1, 3),
    frames=st.integers(2, 5),
    patches=st.integers(2, 40),
    dim=st.sampled_from([4, 20, 64]),
    score=st.sampled_from(SCORES),
    seed=st.integers(0, 99),
)
def test_any_shape(backend, heads, frames, patches, dim, score, seed):
    features = draw_features(heads, frames, patches, dim, seed=seed)
    scores = frame_separation(features, frames=frames, score=score, backend=backend)
    expected = scikit_learn(features, frames, score)
    assert scores.shape == expected.shape
    assert torch.all((scores.cpu() - expected).abs() <= 1e-4 * expected.abs() + 1e-5)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(("frames", "patches"), [(1, 12), (12, 1)])
def test_nothing_to_separate_is_zero(backend, frames, patches, score):
    scores = frame_separation(draw_rows(4, 12, 8, seed=4), frames=frames, score=score, backend=backend)
    assert scores.tolist() == [0.0] * 4
    assert motion_heads(scores, score=score, top_k=3).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("score", "expected"), [("chi", 1.0), ("fisher", 2 / 6), ("dbi", 0.0), ("silhouette", 1.0)])
def test_no_scatter_within_a_frame(backend, score, expected):
    features = draw_rows(2, 3, 8, seed=5).sign().cumsum(1).repeat_interleave(3, 1)
    scores = frame_separation(features, frames=3, score=score, backend=backend)
    assert_close(scores, torch.full((2,), expected), 1e-6)


def test_not_a_number_stays_in_its_head(backend):
    features = draw_features(3, 3, 9, 16, seed=6).clone()
    features[1, 4, 2] = torch.nan
    for score in SCORES:
        scores = frame_separation(features, frames=3, score=score, backend=backend)
        assert scores.isnan().tolist() == [False, True, False], score


def test_motion_heads_best_first_ties_to_the_lowest_head_nan_last():
    scores = torch.tensor([2.0, torch.nan, 5.0, 2.0, 7.0, 5.0], device=DEVICE)
    assert motion_heads(scores, score="chi", top_k=6).tolist() == [4, 2, 5, 0, 3, 1]
    assert motion_heads(scores, score="dbi", top_k=6).tolist() == [0, 3, 2, 5, 4, 1]
    assert motion_heads(scores, score="silhouette", top_k=2).tolist() == [4, 2]
    assert motion_heads(scores, score="fisher", top_k=1).dtype == torch.int64
    several = motion_heads(torch.stack([scores, -scores]), score="chi", top_k=2)
    assert several.tolist() == [[4, 2], [0, 3]]


def test_says_what_does_not_fit():
    features = torch.randn(2, 12, 8)
    with pytest.raises(ValueError, match="score is 'ward'; choose one of 'chi'"):
        frame_separation(features, frames=3, score="ward")
    with pytest.raises(ValueError, match="12 visual tokens"):
        frame_separation(features, frames=7)
    with pytest.raises(ValueError, match="score is 'ward'"):
        motion_heads(torch.zeros(3), score="ward", top_k=1)
    with pytest.raises(ValueError, match="top_k is 4; choose between 1 and the number of heads, 3"):
        motion_heads(torch.zeros(3), score="chi", top_k=4)


def test_davies_bouldin_of_each_head_by_itself(backend):
    """Scikit-learn's rule: hardly any spread, or hardly any distance, is none. The third head is ordinary."""
    frames, patches, dim = 3, 4, 64
    features = draw_features(3, frames, patches, dim, seed=5)
    by_frame = features.view(3, frames, patches, dim)
    by_frame[0] = 1e-3 * by_frame[0, :, :1] + 1e-10 * by_frame[0]
    half = 1e-6 * by_frame[1, :, ::2]
    by_frame[1] = torch.cat([half, -half], 1) + 1e-10 * torch.arange(frames, device=DEVICE)[:, None, None]
    scores = frame_separation(features, frames=frames, score="dbi", backend=backend)
    assert scores[:2].tolist() == [0, 0]
    assert_close(scores[2:], scikit_learn(features[2:], frames, "dbi"), 2e-5)


def test_distances_of_many_frames_far_from_zero(backend):
    """From 26 frames on, torch finds distances by a product that loses digits, unless it is told not to."""
    features = draw_features(2, 30, 3, 64, seed=6, mean=1e3)
    scores = frame_separation(features, frames=30, score="dbi", backend=backend)
    assert_close(scores, scikit_learn(features, 30, "dbi"), 1e-4)

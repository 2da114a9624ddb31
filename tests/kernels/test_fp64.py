"""The references take fp64 and compute in it, to tell what rounding does; Triton's kernels refuse it."""

import pytest
import torch

from imap_kernels import (
    SCORES,
    concept_attention,
    frame_separation,
    gram_column,
    head_similarity,
    qk_match,
    region_rows,
    soft_surrogates,
)
from imap_kernels import qk_norm_rope as norm_rope
from imap_kernels.backend import resolve
from tests.assertions import assert_close
from tests.device import DEVICE
from tests.kernels import test_concept_attention as attention
from tests.kernels import test_frame_separation as separation
from tests.kernels import test_gram_column as gram
from tests.kernels import test_head_similarity as similarity
from tests.kernels import test_qk_norm_rope as rope
from tests.kernels import test_region_rows as regions
from tests.kernels import test_soft_surrogates as soft
from tests.kernels.draw import draw_multiplicity, draw_rows

FP64 = torch.float64
ROUNDING = 1e-14


def test_a_peak_ahead_by_less_than_fp32_tells():
    # Signs, whose products are exact in fp32.
    query, key = (draw_rows(2, rows, 64, seed=rows, dtype=FP64).sign() for rows in (3 * 17, 4))
    frames = query.unflatten(1, (3, 17))
    frames[:, :, 3] = key[:, :1]
    frames[:, :, 5] = key[:, :1] * (1 + 1e-12)
    assert (qk_match(query, key, frames=3)[:, 0] == 5).all()
    assert (qk_match(query.float(), key.float(), frames=3)[:, 0] == 3).all()


@pytest.mark.parametrize("score", SCORES)
def test_a_mean_far_larger_than_the_spread(score):
    features = separation.draw_features(3, 4, 37, 64, seed=2, dtype=FP64, mean=1e4)
    scores = frame_separation(features, frames=4, score=score)
    assert scores.dtype == torch.float32
    assert_close(scores, separation.scikit_learn(features, 4, score), 1e-6)


@pytest.mark.parametrize("normalize", ["none", "softmax"])
def test_a_contrast_of_columns_that_are_equal_in_fp32(normalize):
    features, index, weights = gram.draw_case(3, 2, 17, 6, 64, seed=1, dtype=FP64)
    features = features.mean(1, keepdim=True) + 1e-9 * features
    multiplicity = draw_multiplicity(6, padding=9)
    out = torch.zeros(2, 6, 34, device=DEVICE)
    gram_column(features, index, multiplicity=multiplicity, head_weights=weights, out=out, normalize=normalize)
    assert_close(out, gram.brute_force(features, index, multiplicity, weights, normalize), 1e-5)


def test_a_sum_of_heads_that_cancel():
    rows, features = draw_rows(2, 3, 64, seed=1, dtype=FP64), draw_rows(2, 31, 64, seed=2, dtype=FP64)
    rows[1], features[1] = -rows[0], features[0] + 1e-9 * features[1]
    multiplicity, out = draw_multiplicity(3, padding=9), torch.zeros(3, 31, device=DEVICE)
    head_similarity(rows, features, multiplicity=multiplicity, out=out, scale=1.0)
    assert_close(out, similarity.brute_force(rows, features, multiplicity, 1.0, "none"), 1e-6)


def test_attention():
    case = attention.draw_case(3, 5, 301, 96, seed=1, dtype=FP64)
    multiplicity = draw_multiplicity(5, padding=217)
    output = concept_attention(*case, multiplicity=multiplicity)
    assert output.dtype == FP64
    assert_close(output, attention.brute_force(*case, multiplicity), ROUNDING)


@pytest.mark.parametrize("over", ["frame", "clip"])
def test_soft_surrogates_that_are_equal_in_fp32(over):
    query, features, key = (draw_rows(2, rows, 64, seed=rows, dtype=FP64) for rows in (34, 34, 4))
    key = key.mean(1, keepdim=True) + 1e-9 * key
    found, _ = soft_surrogates(query, key, features, frames=2, scale=0.4, over=over)
    assert_close(found, soft.brute_force(query, key, features, 2, 0.4, over), 1e-5)


def test_the_mean_of_a_region():
    features, of_region = draw_rows(2, 31, 20, seed=1, dtype=FP64), regions.draw_regions(31, [3, 17], seed=2)
    unit_length = regions.draw_unit_length(2)
    rows = region_rows(features, *of_region, unit_length=unit_length)
    assert_close(rows, regions.brute_force(features, *of_region, unit_length), ROUNDING)


def test_columns_of_heads_that_cancel():
    features, index, weights = gram.draw_case(2, 1, 31, 3, 20, seed=3, dtype=FP64)
    features[1] = features[0] + 1e-9 * features[1]
    rows, unit_length = draw_rows(2, 3, 20, seed=4, dtype=FP64), regions.draw_unit_length(3)
    rows[1] = -rows[0]
    out, columns = torch.zeros(2, 3, 31, device=DEVICE), torch.zeros(3, 31, device=DEVICE)
    words = {"multiplicity": draw_multiplicity(3, padding=9), "head_weights": weights, "out": out}
    gram_column(features, index, **words, region_rows=rows, unit_length=unit_length, region_out=columns)
    assert_close(columns, similarity.cosine_force(rows, features, unit_length), 1e-6)


def test_norm_and_rope():
    query, key, norms, rotary = rope.draw(2, 3, 5, 7, 16, FP64)
    wanted = [
        rope.exact(rows, norm, rotary, 5) for rows, norm in ((query, norms["query_norm"]), (key, norms["key_norm"]))
    ]
    norm_rope(query, key, **norms, eps=rope.EPS, rotary=rotary, text=5)
    for rows, expected in zip((query, key), wanted, strict=True):
        assert_close(rows, expected, ROUNDING)


def test_triton_refuses_it(monkeypatch):
    query, key = draw_rows(2, 6, 8, seed=1, dtype=FP64), draw_rows(2, 3, 8, seed=2, dtype=FP64)
    refused = "backend 'triton' accumulates in fp32, these tensors are float64; use 'reference', or cast them"
    with pytest.raises(ValueError, match=refused):
        qk_match(query, key, frames=2, backend="triton")
    monkeypatch.setenv("IMAP_BACKEND", "triton")
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)  # not sent to a GPU first, to be refused there
    with pytest.raises(ValueError, match=refused):
        frame_separation(query, frames=2)


def test_on_a_gpu_auto_is_the_reference(monkeypatch):
    monkeypatch.delenv("IMAP_BACKEND", raising=False)
    cuda = torch.device("cuda")
    assert resolve("auto", cuda, FP64) == "reference"
    assert resolve("auto", cuda, torch.float32) == "triton"

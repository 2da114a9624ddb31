"""The concept stream's attention against brute force with every padding row spelled out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.gpu.checks import ROUNDING
from imap_kernels import concept_attention
from tests.assertions import assert_close
from tests.device import DEVICE
from tests.kernels.draw import ANY_SHAPE, draw_multiplicity, draw_rows


def draw_case(heads, keys, tokens, dim, *, seed, dtype=torch.float32):
    """Queries, keys and values of the concept rows, keys and values of the visual ones."""
    sizes = [keys, keys, keys, tokens, tokens]
    return [draw_rows(heads, size, dim, seed=seed + i, dtype=dtype) for i, size in enumerate(sizes)]


def brute_force(query, key, value, visual_key, visual_value, multiplicity):
    """fp64 softmax attention of `query` over all rows, each concept row repeated as often as it counts."""
    repeats = multiplicity.long()
    key = torch.cat([key.double().repeat_interleave(repeats, 1), visual_key.double()], 1)
    value = torch.cat([value.double().repeat_interleave(repeats, 1), visual_value.double()], 1)
    return (query.double() @ key.mT * query.shape[-1] ** -0.5).softmax(-1) @ value


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    ("heads", "keys", "tokens", "dim"),
    [(1, 1, 1, 4), (2, 2, 31, 64), (3, 5, 301, 96), (2, 33, 13, 128), (1, 9, 1031, 64)],
)
def test_padding_row_stands_for_all(backend, heads, keys, tokens, dim, dtype):
    case = draw_case(heads, keys, tokens, dim, seed=1, dtype=dtype)
    multiplicity = draw_multiplicity(keys, padding=217)
    output = concept_attention(*case, multiplicity=multiplicity, backend=backend)
    assert output.dtype == dtype
    assert_close(output, brute_force(*case, multiplicity), ROUNDING[dtype])


@ANY_SHAPE
@given(
    heads=st.integers(1, 3),
    keys=st.integers(1, 20),
    tokens=st.integers(1, 150),
    dim=st.sampled_from([4, 20, 64]),
    padding=st.integers(0, 300),
    seed=st.integers(0, 99),
)
def test_any_shape(backend, heads, keys, tokens, dim, padding, seed):
    case = draw_case(heads, keys, tokens, dim, seed=seed)
    multiplicity = draw_multiplicity(keys, padding=padding)
    output = concept_attention(*case, multiplicity=multiplicity, backend=backend)
    assert_close(output, brute_force(*case, multiplicity), 2e-5)


def test_large_scores_do_not_overflow(backend):
    query, key, value, visual_key, visual_value = draw_case(2, 3, 77, 64, seed=3)
    case = [300 * query, key, value, visual_key, visual_value]
    multiplicity = draw_multiplicity(3, padding=5)
    output = concept_attention(*case, multiplicity=multiplicity, backend=backend)
    assert_close(output, brute_force(*case, multiplicity), 1e-4)


def test_says_what_does_not_fit():
    query, key, value, visual_key, visual_value = (torch.randn(2, rows, 8) for rows in (3, 3, 3, 12, 12))
    multiplicity = torch.ones(3)
    with pytest.raises(ValueError, match=r"value has shape \[2, 2, 8\] but query has \[2, 3, 8\]"):
        concept_attention(query, key, value[:, :2], visual_key, visual_value, multiplicity=multiplicity)
    with pytest.raises(ValueError, match=r"visual_value has shape \[2, 11, 8\] but visual_key has \[2, 12, 8\]"):
        concept_attention(query, key, value, visual_key, visual_value[:, :11], multiplicity=multiplicity)
    with pytest.raises(ValueError, match=r"multiplicity has shape \[3\]; expected \[2\]"):
        concept_attention(query[:, :2], key[:, :2], value[:, :2], visual_key, visual_value, multiplicity=multiplicity)
    with pytest.raises(TypeError, match=r"multiplicity is torch.int64; it must be float32"):
        concept_attention(query, key, value, visual_key, visual_value, multiplicity=multiplicity.long())


def test_row_counted_zero_times_is_left_out(backend):
    query, key, value, visual_key, visual_value = draw_case(2, 4, 35, 16, seed=4)
    multiplicity = torch.tensor([1.0, 1, 1, 0], device=DEVICE)
    output = concept_attention(query, key, value, visual_key, visual_value, multiplicity=multiplicity, backend=backend)
    without = (query[:, :3], key[:, :3], value[:, :3], visual_key, visual_value)
    expected = concept_attention(*without, multiplicity=multiplicity[:3], backend=backend)
    assert_close(output[:, :3], expected, 1e-5)

"""The baselines' maps against brute force."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imap_kernels import head_similarity
from tests.assertions import assert_close
from tests.device import DEVICE
from tests.kernels.draw import ANY_SHAPE, draw_multiplicity, draw_rows


def brute_force(rows, features, multiplicity, scale, normalize):
    """`scale · Σ_h rows · features` in fp64, its softmax over text keys with every padding key spelled out."""
    maps = scale * torch.einsum("akd,and->kn", rows.double(), features.double())
    if normalize == "none":
        return maps
    repeats = multiplicity.long()
    return maps.repeat_interleave(repeats, 0).softmax(0)[repeats.cumsum(0) - 1]


@pytest.mark.parametrize("normalize", ["none", "softmax"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    ("heads", "keys", "tokens", "dim"), [(1, 1, 1, 4), (3, 2, 31, 64), (2, 17, 67, 96), (2, 70, 13, 128)]
)
def test_adds_the_sum_over_heads(backend, heads, keys, tokens, dim, dtype, normalize):
    rows = draw_rows(heads, keys, dim, seed=1, dtype=dtype)
    features = draw_rows(heads, tokens, dim, seed=2, dtype=dtype)
    multiplicity = draw_multiplicity(keys, padding=9)
    before = torch.randn(keys, tokens, device=DEVICE)
    out = before.clone()
    head_similarity(rows, features, multiplicity=multiplicity, out=out, scale=0.3, normalize=normalize, backend=backend)
    assert_close(out - before, brute_force(rows, features, multiplicity, 0.3, normalize), 2e-5)


@ANY_SHAPE
@given(
    heads=st.integers(1, 3),
    keys=st.integers(1, 20),
    tokens=st.integers(1, 90),
    dim=st.sampled_from([4, 20, 64]),
    normalize=st.sampled_from(["none", "softmax"]),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_any_shape(backend, heads, keys, tokens, dim, normalize, seed, data):
    rows, features = draw_rows(heads, keys, dim, seed=seed), draw_rows(heads, tokens, dim, seed=seed + 100)
    concepts = data.draw(st.integers(1, keys))
    multiplicity = draw_multiplicity(keys, padding=200)
    buffer = torch.full((keys + 2, tokens), torch.nan, device=DEVICE)
    out = buffer[1 : 1 + concepts].zero_()
    head_similarity(rows, features, multiplicity=multiplicity, out=out, scale=1.0, normalize=normalize, backend=backend)
    assert_close(out, brute_force(rows, features, multiplicity, 1.0, normalize)[:concepts], 2e-5)
    assert buffer.isnan().sum() == (keys + 2 - concepts) * tokens


def test_says_what_does_not_fit():
    rows, features, multiplicity = torch.randn(2, 3, 8), torch.randn(2, 12, 8), torch.ones(3)
    with pytest.raises(ValueError, match=r"out has shape \[3, 11\]; expected \[any, 12\]"):
        head_similarity(rows, features, multiplicity=multiplicity, out=torch.zeros(3, 11), scale=1.0)
    with pytest.raises(ValueError, match="room for 4 concepts but there are 3 text keys"):
        head_similarity(rows, features, multiplicity=multiplicity, out=torch.zeros(4, 12), scale=1.0)
    with pytest.raises(ValueError, match="normalize is 'max'"):
        head_similarity(rows, features, multiplicity=multiplicity, out=torch.zeros(3, 12), scale=1.0, normalize="max")

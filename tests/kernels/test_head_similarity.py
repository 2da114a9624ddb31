"""The baselines' maps against brute force."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imap_kernels import head_similarity
from tests.assertions import assert_close
from tests.device import DEVICE
from tests.kernels.draw import ANY_SHAPE, draw_multiplicity, draw_rows
from tests.kernels.test_region_rows import draw_unit_length


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


def cosine_force(rows, features, unit_length):
    """`Σ_h rows · features` in fp64, over the lengths of the features for the keys of `unit_length`."""
    unit = torch.nn.functional.normalize(features.double(), dim=-1, eps=1e-300)
    chosen = torch.where(unit_length.bool()[:, None, None, None], unit, features.double())  # [keys, heads, tokens, dim]
    return torch.einsum("akd,kand->kn", rows.double(), chosen)


@pytest.mark.parametrize("unit_dtype", [torch.bool, torch.int32], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    ("heads", "keys", "tokens", "dim"), [(1, 1, 1, 4), (3, 2, 31, 64), (2, 17, 67, 96), (2, 70, 13, 128)]
)
def test_features_of_unit_length(backend, heads, keys, tokens, dim, dtype, unit_dtype):
    rows = draw_rows(heads, keys, dim, seed=3, dtype=dtype)
    features = draw_rows(heads, tokens, dim, seed=4, dtype=dtype)
    features[:, -1] = 0  # no length
    unit_length = draw_unit_length(keys, dtype=unit_dtype)
    out, plain = torch.zeros(2, keys, tokens, device=DEVICE)
    named = {"multiplicity": draw_multiplicity(keys, padding=9), "scale": 1.0, "backend": backend}
    head_similarity(rows, features, out=out, unit_length=unit_length, **named)
    assert_close(out, cosine_force(rows, features, unit_length), 2e-5)
    head_similarity(rows, features, out=plain, **named)
    assert torch.equal(out[unit_length == 0], plain[unit_length == 0])
    softmax = torch.zeros(keys, tokens, device=DEVICE)
    head_similarity(rows, features, out=softmax, unit_length=unit_length, normalize="softmax", **named)
    weight = named["multiplicity"][:, None] * out.softmax(0)
    assert_close(softmax, out.softmax(0) / weight.sum(0), 2e-5)


def test_keys_of_unit_length_note_what_is_not_finite(backend):
    rows, features = draw_rows(2, 2, 16, seed=5), draw_rows(2, 31, 16, seed=6)
    features[:, 3] = 0
    unit_length = torch.ones(2, dtype=torch.bool, device=DEVICE)
    for value, noted in ((1.0, 0), (torch.inf, 1), (1e25, 1)):  # a length whose square overflows is no length of zero
        features[1, 5, 2] = value
        note, out = torch.zeros((), dtype=torch.int32, device=DEVICE), torch.zeros(2, 31, device=DEVICE)
        named = {"multiplicity": torch.ones(2, device=DEVICE), "out": out, "unit_length": unit_length}
        head_similarity(rows, features, scale=1.0, not_finite=note, **named, backend=backend)
        assert note == noted


def test_says_what_does_not_fit():
    rows, features, multiplicity = torch.randn(2, 3, 8), torch.randn(2, 12, 8), torch.ones(3)
    with pytest.raises(ValueError, match=r"out has shape \[3, 11\]; expected \[any, 12\]"):
        head_similarity(rows, features, multiplicity=multiplicity, out=torch.zeros(3, 11), scale=1.0)
    with pytest.raises(ValueError, match="room for 4 concepts but there are 3 text keys"):
        head_similarity(rows, features, multiplicity=multiplicity, out=torch.zeros(4, 12), scale=1.0)
    good = {"multiplicity": multiplicity, "out": torch.zeros(3, 12), "scale": 1.0}
    for unit_length, error, message in (
        (torch.ones(3), TypeError, "unit_length is torch.float32; pass int32 or bool"),
        (torch.ones(2).bool(), ValueError, r"unit_length has shape \[2\]; expected \[3\]"),
    ):
        with pytest.raises(error, match=message):
            head_similarity(rows, features, unit_length=unit_length, **good)
    with pytest.raises(ValueError, match="normalize is 'max'"):
        head_similarity(rows, features, multiplicity=multiplicity, out=torch.zeros(3, 12), scale=1.0, normalize="max")

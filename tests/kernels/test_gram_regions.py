"""The maps of regions: columns of the Gram matrix in fp64, beside word maps that keep their bits."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imap_kernels import gram_column, head_similarity, region_rows
from tests.assertions import assert_close
from tests.device import DEVICE
from tests.kernels.draw import ANY_SHAPE, draw_multiplicity, draw_rows
from tests.kernels.test_gram_column import draw_case
from tests.kernels.test_head_similarity import cosine_force
from tests.kernels.test_region_rows import draw_regions, draw_unit_length


def gram_columns(rows, features, tokens, offsets, unit_length):
    """The mean of the columns of each region in `Σ_h rows[h] · features[h]ᵀ`, a full matrix in fp64."""
    rows, features = rows.double(), features.double()
    unit_rows, unit_features = (torch.nn.functional.normalize(x, dim=-1, eps=1e-300) for x in (rows, features))
    plain, cosine = (rows @ features.mT).sum(0), (unit_rows @ unit_features.mT).sum(0)
    parts = tokens.split(offsets.diff().tolist())
    return torch.stack([(cosine if u else plain)[part].mean(0) for u, part in zip(unit_length, parts, strict=True)])


def maps_of(case, multiplicity, backend, *, normalize="none", **regions):
    """The maps of all text keys, from zero."""
    features, surrogates, weights = case
    out = torch.zeros(len(weights), len(multiplicity), features.shape[1], device=DEVICE)
    named = {"multiplicity": multiplicity, "head_weights": weights, "normalize": normalize, "backend": backend}
    gram_column(features, surrogates, out=out, **named, **regions)
    return out


def draw_region_maps(features, regions, *, seed, dtype=torch.bool):
    """Random rows, every second of them for unit features, and a running map in a buffer of NaN."""
    heads, tokens, dim = features.shape
    buffer = torch.full((2 * regions + 1, tokens + 3), torch.nan, device=DEVICE)
    out = buffer[1::2, 2:-1]
    out.copy_(torch.randn(regions, tokens))
    rows = draw_rows(heads, regions, dim, seed=seed, dtype=features.dtype)
    return {"region_rows": rows, "unit_length": draw_unit_length(regions, dtype=dtype), "region_out": out}, buffer


def check(backend, features, surrogates, weights, *, regions, normalize="none", unit_dtype=torch.bool, seed=1):
    """The maps of regions are added and right, and those of text keys have the bits that they have without regions."""
    multiplicity = draw_multiplicity(surrogates.shape[1], padding=9)
    case = features, surrogates, weights
    named, buffer = draw_region_maps(features, regions, seed=seed, dtype=unit_dtype)
    before = named["region_out"].clone()
    found = maps_of(case, multiplicity, backend, normalize=normalize, **named)
    assert torch.equal(found, maps_of(case, multiplicity, backend, normalize=normalize))
    expected = cosine_force(named["region_rows"], features, named["unit_length"])
    assert_close(named["region_out"] - before, expected, 2e-5)
    assert buffer.isnan().sum() == buffer.numel() - expected.numel()


@pytest.mark.parametrize("maps", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    ("heads", "frames", "patches", "keys", "dim", "regions"),
    [(1, 1, 31, 2, 64, 1), (3, 2, 17, 4, 96, 17), (2, 1, 13, 33, 128, 70), (3, 3, 37, 5, 20, 2)],
)
def test_adds_the_columns_of_regions(backend, heads, frames, patches, keys, dim, regions, dtype, maps):
    case = draw_case(heads, frames, patches, keys, dim, seed=1, dtype=dtype, maps=maps)
    check(backend, *case, regions=regions)


@pytest.mark.parametrize("normalize", ["none", "softmax"])
@pytest.mark.parametrize(("keys", "regions"), [(3, 3), (80, 5), (80, 70), (130, 65), (5, 130)])
def test_tiles_of_keys_and_of_regions(backend, keys, regions, normalize):
    case = draw_case(2, 3, 7, keys, 16, seed=2)
    check(backend, *case, regions=regions, normalize=normalize, unit_dtype=torch.int32)


@ANY_SHAPE
@given(
    heads=st.integers(1, 3),
    frames=st.integers(1, 3),
    patches=st.integers(1, 40),
    keys=st.integers(1, 20),
    dim=st.sampled_from([4, 20, 64]),
    regions=st.integers(1, 20),
    seed=st.integers(0, 99),
)
def test_any_shape(backend, heads, frames, patches, keys, dim, regions, seed):
    case = draw_case(heads, frames, patches, keys, dim, seed=seed)
    check(backend, *case, regions=regions, seed=seed)


def test_soft_surrogates_beside_regions(backend):
    features, surrogates = draw_rows(3, 2 * 23, 20, seed=3), draw_rows(3, 5 * 2, 20, seed=4).unflatten(1, (5, 2))
    check(backend, features, surrogates, torch.eye(3, device=DEVICE)[:2], regions=3)


@pytest.mark.parametrize("keys", [4, 70])
def test_regions_have_every_head_and_words_those_with_a_weight(backend, keys):
    features, index, _ = draw_case(3, 2, 19, keys, 16, seed=5)
    weights = torch.tensor([[0.0, 0.5, 0.0]], device=DEVICE)
    check(backend, features, index, weights, regions=2)
    multiplicity = draw_multiplicity(keys, padding=9)
    words = maps_of((features, index, weights), multiplicity, backend)
    features = features.clone()
    features[0, 5] = torch.nan
    named, _ = draw_region_maps(features, 2, seed=6)
    assert torch.equal(maps_of((features, index, weights), multiplicity, backend, **named), words)
    not_a_number = named["region_out"].isnan()
    assert not_a_number[:, 5].all()
    assert not_a_number.sum() == 2


@pytest.mark.parametrize(("frames", "patches"), [(1, 31), (3, 13)])
def test_a_region_is_the_mean_of_its_columns_of_the_gram_matrix(backend, frames, patches):
    """From tokens to maps, with words and without, of o and of queries and keys."""
    features, index, weights = draw_case(3, frames, patches, 4, 64, seed=7)
    query = draw_rows(3, frames * patches, 64, seed=8)
    regions, unit_length = draw_regions(frames * patches, [1, 1, 9, 9], seed=9), draw_unit_length(4)
    for source in (features, query):
        rows = region_rows(source, *regions, unit_length=unit_length, backend=backend)
        expected = gram_columns(source, features, *regions, unit_length)
        named = {"region_rows": rows, "unit_length": unit_length, "region_out": torch.zeros_like(expected).float()}
        maps_of((features, index, weights), draw_multiplicity(4, padding=9), backend, **named)
        assert_close(named["region_out"], expected, 2e-5)
        alone = torch.zeros_like(named["region_out"])
        ones = torch.ones(4, device=DEVICE)
        head_similarity(
            rows, features, multiplicity=ones, out=alone, scale=1.0, unit_length=unit_length, backend=backend
        )
        assert_close(alone, expected, 2e-5)


def test_a_token_looks_like_itself(backend):
    """The cosine of a point with its own token is 1 in every head, and 0 of a token of zeros."""
    features, index, weights = draw_case(3, 2, 11, 3, 20, seed=10)
    features[:, 4] = 0
    tokens, offsets = torch.tensor([13, 4], device=DEVICE), torch.tensor([0, 1, 2], device=DEVICE)
    unit_length = torch.ones(2, dtype=torch.bool, device=DEVICE)
    rows = region_rows(features, tokens, offsets, unit_length=unit_length, backend=backend)
    named = {"region_rows": rows, "unit_length": unit_length, "region_out": torch.zeros(2, 22, device=DEVICE)}
    maps_of((features, index, weights), draw_multiplicity(3, padding=2), backend, **named)
    assert named["region_out"][0, 13].item() == pytest.approx(3, abs=1e-5)
    assert named["region_out"][0].abs().max() <= 3 + 1e-5
    assert torch.count_nonzero(named["region_out"][1]) == torch.count_nonzero(named["region_out"][:, 4]) == 0


def test_the_same_bits_twice(backend):
    case, multiplicity = draw_case(3, 3, 67, 9, 64, seed=11), draw_multiplicity(9, padding=9)
    found = []
    for _ in range(2):
        named, _ = draw_region_maps(case[0], 5, seed=12)
        named["region_out"].zero_()
        maps_of(case, multiplicity, backend, **named)
        found.append(named["region_out"])
    assert torch.equal(*found)


def test_says_what_does_not_fit():
    features, index, weights = torch.randn(2, 12, 8), torch.zeros(2, 4, 3, dtype=torch.int64), torch.ones(2, 2)
    words = {"multiplicity": torch.ones(4), "head_weights": weights, "out": torch.zeros(2, 4, 12)}
    good = {"region_rows": torch.randn(2, 3, 8), "unit_length": torch.zeros(3).bool(), "region_out": torch.zeros(3, 12)}
    for wrong, error, message in (
        *(({name: None}, ValueError, "pass region_rows, unit_length and region_out together") for name in good),
        ({"region_rows": torch.randn(2, 3, 8).half()}, TypeError, "region_rows is torch.float16 but features is"),
        ({"region_rows": torch.randn(1, 3, 8)}, ValueError, r"region_rows has shape \[1, 3, 8\] but features has"),
        ({"unit_length": torch.zeros(3)}, TypeError, "unit_length is torch.float32; pass int32 or bool"),
        ({"unit_length": torch.zeros(2).bool()}, ValueError, r"unit_length has shape \[2\]; expected \[3\]"),
        ({"region_out": torch.zeros(2, 12)}, ValueError, r"region_out has shape \[2, 12\]; expected \[3, 12\]"),
        ({"region_out": torch.zeros(3, 12).double()}, TypeError, "region_out is torch.float64; it must be float32"),
    ):
        with pytest.raises(error, match=message):
            gram_column(features, index, **words, **{**good, **wrong})

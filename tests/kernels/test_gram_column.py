"""GramCol, its contrast and the accumulation of maps against brute force."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imap_kernels import gram_column, qk_match
from tests.assertions import assert_close
from tests.device import DEVICE
from tests.kernels.draw import ANY_SHAPE, draw_multiplicity, draw_rows

SHAPES = [(1, 1, 31, 2, 64), (3, 2, 17, 4, 96), (2, 3, 67, 17, 64), (2, 1, 13, 33, 128), (2, 3, 7, 80, 16)]


def brute_force(features, index, repeats, head_weights, normalize):
    """The steps of docs/method.md in fp64, with every padding key as a row: maps `[maps, keys, tokens]`."""
    spelled = torch.repeat_interleave(torch.arange(len(repeats)), repeats.long().cpu())
    first = torch.searchsorted(spelled, torch.arange(len(repeats)))
    frames = index.shape[2]
    o = features.double().cpu().unflatten(1, (frames, -1))
    index = index.cpu()[:, spelled]
    maps = 0
    for h in range(len(o)):
        s = torch.stack([o[h, f, index[h, :, f]] for f in range(frames)], 1)
        g = (s[:, :, None] * o[h]).sum(-1).flatten(1)
        z = (g - g.mean(0)) / (g.std(0) + 1e-6)
        maps = maps + head_weights[:, h, None, None].double().cpu() * z
    return (maps.softmax(1) if normalize == "softmax" else maps)[:, first]


def draw_case(heads, frames, patches, keys, dim, *, seed, dtype=torch.float32, maps=2):
    """Features, the surrogates of random queries, and one row of weights with heads of weight zero."""
    features = draw_rows(heads, frames * patches, dim, seed=seed, dtype=dtype)
    query = draw_rows(heads, frames * patches, dim, seed=seed + 1)
    index = qk_match(query, draw_rows(heads, keys, dim, seed=seed + 2), frames=frames, backend="reference")
    weights = torch.ones(maps, heads, device=DEVICE)
    weights[-1, 1:] = 0
    return features, index, weights


@pytest.mark.parametrize("normalize", ["none", "softmax"])
@pytest.mark.parametrize("maps", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("heads", "frames", "patches", "keys", "dim"), SHAPES)
def test_adds_the_contrast_of_every_head(backend, heads, frames, patches, keys, dim, dtype, maps, normalize):
    features, index, weights = draw_case(heads, frames, patches, keys, dim, seed=1, dtype=dtype, maps=maps)
    multiplicity = draw_multiplicity(keys, padding=9)
    before = torch.randn(maps, keys, frames * patches, device=DEVICE)
    out = before.clone()
    gram_column(
        features,
        index,
        multiplicity=multiplicity,
        head_weights=weights,
        out=out,
        normalize=normalize,
        backend=backend,
    )
    assert_close(out - before, brute_force(features, index, multiplicity, weights, normalize), 2e-5)


@ANY_SHAPE
@given(
    heads=st.integers(1, 3),
    frames=st.integers(1, 3),
    patches=st.integers(2, 30),
    keys=st.integers(2, 20),
    dim=st.sampled_from([4, 20, 64]),
    padding=st.integers(1, 300),
    normalize=st.sampled_from(["none", "softmax"]),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_any_shape(backend, heads, frames, patches, keys, dim, padding, normalize, seed, data):
    # A random patch for every key, never one for all: equal columns contrast to zero, in brute force to rounding.
    features = draw_rows(heads, frames * patches, dim, seed=seed)
    index = torch.randint(patches, (heads, keys, frames), generator=torch.Generator().manual_seed(seed)).to(DEVICE)
    index[:, 0], index[:, -1] = 0, patches - 1
    weights = draw_rows(1, 2, heads, seed=seed + 3)[0].contiguous()
    multiplicity = draw_multiplicity(keys, padding=padding)
    concepts = data.draw(st.integers(1, keys))
    out = torch.zeros(2, concepts, frames * patches, device=DEVICE)
    arguments = {"multiplicity": multiplicity, "head_weights": weights, "normalize": normalize, "backend": backend}
    gram_column(features, index, out=out, **arguments)
    assert_close(out, brute_force(features, index, multiplicity, weights, normalize)[:, :concepts], 1e-4)


def test_writes_only_its_concepts_of_a_larger_buffer(backend):
    features, index, weights = draw_case(2, 3, 11, 5, 16, seed=5)
    multiplicity = draw_multiplicity(5, padding=4)
    buffer = torch.full((2, 7, 40), torch.nan, device=DEVICE)
    buffer[:, 2:5, :33] = 0
    gram_column(
        features, index, multiplicity=multiplicity, head_weights=weights, out=buffer[:, 2:5, :33], backend=backend
    )
    assert_close(buffer[:, 2:5, :33], brute_force(features, index, multiplicity, weights, "none")[:, :3], 2e-5)
    assert buffer.isnan().sum() == 2 * (7 * 40 - 3 * 33)


def test_heads_without_weight_add_nothing(backend):
    features, index, _ = draw_case(3, 2, 9, 4, 16, seed=6)
    multiplicity = draw_multiplicity(4, padding=4)
    weights = torch.tensor([[0.0, 0.5, 0.0]], device=DEVICE)
    expected = brute_force(features, index, multiplicity, weights, "none")
    features = features.clone()
    features[0], features[2] = torch.nan, torch.inf
    out = torch.zeros(1, 4, 18, device=DEVICE)
    gram_column(features, index, multiplicity=multiplicity, head_weights=weights, out=out, backend=backend)
    assert_close(out, expected, 2e-5)
    for first, last in ([1.0, 0.0], [0.0, 1.0]):
        both = torch.tensor([[first, 0.5, first], [last, 0.5, last]], device=DEVICE)
        maps = torch.zeros(2, 4, 18, device=DEVICE)
        gram_column(features, index, multiplicity=multiplicity, head_weights=both, out=maps, backend=backend)
        assert maps.isnan().all((1, 2)).tolist() == [first == 1, last == 1]
        assert_close(maps[int(last == 0) :][:1], expected, 2e-5)


@pytest.mark.parametrize(("patches", "keys"), [(1, 5), (1, 20), (9, 1)])
def test_nothing_to_contrast_is_zero(backend, patches, keys):
    # One patch is every key's surrogate; one key has no other. Any other value would be amplified rounding: 4095² takes
    # all bits of fp32, so that a mean of equal columns is not equal to them.
    features = 4095 * draw_rows(2, 3 * patches, 16, seed=7).sign()
    features[..., 1:] = 0
    index = torch.zeros(2, keys, 3, dtype=torch.int64, device=DEVICE)
    out = torch.zeros(1, keys, 3 * patches, device=DEVICE)
    arguments = {"multiplicity": torch.ones(keys, device=DEVICE), "head_weights": torch.ones(1, 2, device=DEVICE)}
    gram_column(features, index, out=out, **arguments, backend=backend)
    assert torch.count_nonzero(out) == 0


@pytest.mark.parametrize("keys", [2, 5, 7])
def test_keys_with_the_same_surrogate_have_no_contrast(backend, keys):
    features, index = draw_rows(2, 3 * 13, 16, seed=8), torch.full((2, keys, 3), 4, device=DEVICE)
    out = torch.zeros(1, keys, 3 * 13, device=DEVICE)
    multiplicity, weights = draw_multiplicity(keys, padding=151), torch.ones(1, 2, device=DEVICE)
    gram_column(features, index, multiplicity=multiplicity, head_weights=weights, out=out, backend=backend)
    assert torch.count_nonzero(out) == 0


def test_a_key_counted_zero_times_is_left_out(backend):
    features, index, weights = draw_case(2, 2, 13, 4, 16, seed=8)
    without = torch.zeros(2, 3, 26, device=DEVICE)
    gram_column(
        features,
        index[:, :3],
        multiplicity=torch.ones(3, device=DEVICE),
        head_weights=weights,
        out=without,
        normalize="softmax",
        backend=backend,
    )
    out = torch.zeros_like(without)
    gram_column(
        features,
        index,
        multiplicity=torch.tensor([1.0, 1, 1, 0], device=DEVICE),
        head_weights=weights,
        out=out,
        normalize="softmax",
        backend=backend,
    )
    assert_close(out, without, 1e-5)


def test_same_bits_every_run(backend):
    features, index, weights = draw_case(3, 3, 67, 9, 64, seed=9)
    multiplicity = draw_multiplicity(9, padding=100)
    runs = [torch.zeros(2, 8, 201, device=DEVICE) for _ in range(2)]
    for out in runs:
        gram_column(features, index, multiplicity=multiplicity, head_weights=weights, out=out, backend=backend)
    assert torch.equal(*runs)


def test_says_what_does_not_fit():
    features, index, weights = torch.randn(2, 12, 8), torch.zeros(2, 4, 3, dtype=torch.int64), torch.ones(2, 2)
    good = {"multiplicity": torch.ones(4), "head_weights": weights, "out": torch.zeros(2, 3, 12)}
    for wrong, error, message in (
        ({"out": torch.zeros(2, 5, 12)}, ValueError, "room for 5 concepts but there are 4 text keys"),
        ({"out": torch.zeros(2, 12)}, ValueError, r"out has shape \[2, 12\]; expected \[2, any, 12\]"),
        ({"out": torch.zeros(2, 3, 12).half()}, TypeError, "out is torch.float16; it must be float32"),
        ({"head_weights": torch.ones(2, 3)}, ValueError, r"head_weights has shape \[2, 3\]; expected \[any, 2\]"),
        ({"head_weights": torch.ones(3, 2)}, ValueError, "head_weights has rows for 3 maps; pass one row or two"),
        ({"multiplicity": torch.ones(5)}, ValueError, r"multiplicity has shape \[5\]; expected \[4\]"),
        ({"normalize": "max"}, ValueError, "normalize is 'max'; choose one of 'none', 'softmax'"),
    ):
        with pytest.raises(error, match=message):
            gram_column(features, index, **{**good, **wrong})
    with pytest.raises(TypeError, match=r"surrogate_index is torch.int32"):
        gram_column(features, index.int(), **good)
    with pytest.raises(ValueError, match=r"expected \[2 heads, keys, frames\]"):
        gram_column(features, index[:1], **good)
    with pytest.raises(ValueError, match="12 visual tokens"):
        gram_column(features, index.new_zeros(2, 4, 5), **good)

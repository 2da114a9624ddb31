"""The one-pass operation is its two parts: GramCol of all heads, and frame separation."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imap_kernels import SCORES, frame_separation, gram_column, gram_separation, qk_match
from tests.assertions import assert_close
from tests.device import DEVICE
from tests.kernels.draw import ANY_SHAPE, draw_multiplicity, draw_rows


def draw_features(heads, frames, patches, dim, *, seed, dtype=torch.float32):
    """Tokens around a centre of their frame. Every head separates its frames more than the one before."""
    centre = draw_rows(heads, frames, dim, seed=seed + 1) * torch.arange(heads, device=DEVICE)[:, None, None]
    features = draw_rows(heads, frames * patches, dim, seed=seed, dtype=dtype)
    features += centre.repeat_interleave(patches, 1).to(dtype)
    return features


def check(backend, features, keys, frames, *, concepts, score="chi", normalize="none"):
    """Compare with the two operations in fp64. The running map begins with other numbers, in a view with gaps."""
    heads, tokens, _ = features.shape
    # A random patch for every key, never one for all: the contrast of equal columns is rounding, or zero.
    generator = torch.Generator().manual_seed(keys)
    index = torch.randint(tokens // frames, (heads, keys, frames), generator=generator).to(DEVICE)
    index[:, 0], index[:, -1] = 0, tokens // frames - 1
    multiplicity = draw_multiplicity(keys, padding=7)
    out = torch.rand(concepts, tokens, 2, dtype=torch.float32, device=DEVICE)[..., 0]
    expected = out.clone()
    named = {"multiplicity": multiplicity, "normalize": normalize}
    scores = gram_separation(features, index, out=out, score=score, **named, backend=backend)
    exact, weights = features.double(), torch.ones(1, heads, device=DEVICE)
    gram_column(exact, index, head_weights=weights, out=expected[None], **named, backend="reference")
    assert_close(out, expected, 2e-5)
    assert_close(scores, frame_separation(exact, frames=frames, score=score, backend="reference"), 2e-5)


@pytest.mark.parametrize("normalize", ["none", "softmax"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    ("heads", "frames", "patches", "keys", "dim"),
    [(1, 2, 31, 1, 64), (3, 2, 67, 17, 96), (2, 3, 37, 64, 128), (2, 2, 32, 70, 16), (2, 1, 33, 3, 16)],
)
def test_is_both_operations(backend, heads, frames, patches, keys, dim, dtype, normalize):
    features = draw_features(heads, frames, patches, dim, seed=1, dtype=dtype)
    check(backend, features, keys, frames, concepts=max(1, keys - 1), normalize=normalize)


@pytest.mark.parametrize("score", SCORES)
def test_every_score(backend, score):
    check(backend, draw_features(3, 3, 41, 20, seed=2), 5, 3, concepts=4, score=score)


@ANY_SHAPE
@given(
    heads=st.integers(1, 3),
    frames=st.integers(1, 4),
    patches=st.integers(2, 70),
    keys=st.integers(2, 20),
    dim=st.sampled_from([4, 20, 64]),
    seed=st.integers(0, 99),
)
def test_any_shape(backend, heads, frames, patches, keys, dim, seed):
    check(backend, draw_features(heads, frames, patches, dim, seed=seed), keys, frames, concepts=keys)


def test_the_same_bits_twice(backend):
    features = draw_features(3, 2, 45, 64, seed=3)
    index = qk_match(features, features[:, :5], frames=2)
    found = []
    for _ in range(2):
        out = torch.zeros(5, 90, dtype=torch.float32, device=DEVICE)
        named = {"multiplicity": draw_multiplicity(5, padding=3), "out": out, "backend": backend}
        found.append((gram_separation(features, index, **named), out))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


def test_says_what_does_not_fit():
    features, index = torch.rand(2, 6, 4), torch.zeros(2, 3, 2, dtype=torch.int64)
    named = {"multiplicity": torch.ones(3), "out": torch.zeros(3, 6)}
    with pytest.raises(TypeError, match=r"surrogate_index is torch.int32; pass the int64 indices of qk_match"):
        gram_separation(features, index.int(), **named)
    with pytest.raises(ValueError, match=r"surrogate_index has shape \[1, 3, 2\]; expected \[2 heads, keys, frames\]"):
        gram_separation(features, index[:1], **named)
    with pytest.raises(ValueError, match="out has room for 4 concepts but there are 3 text keys"):
        gram_separation(features, index, **named | {"out": torch.zeros(4, 6)})
    with pytest.raises(ValueError, match=r"out has shape \[3, 5\]; expected \[any, 6\]"):
        gram_separation(features, index, **named | {"out": torch.zeros(3, 5)})
    with pytest.raises(ValueError, match="score is 'best'"):
        gram_separation(features, index, **named, score="best")
    with pytest.raises(ValueError, match="normalize is 'max'"):
        gram_separation(features, index, **named, normalize="max")

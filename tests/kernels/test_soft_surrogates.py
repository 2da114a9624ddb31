"""Soft surrogates against their equation in fp64, and the scores that come with them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imap_kernels import SCORES, SEGMENTS, frame_separation, gram_column, soft_surrogates
from tests.assertions import assert_close
from tests.device import DEVICE
from tests.kernels.draw import ANY_SHAPE, draw_multiplicity, draw_rows
from tests.kernels.test_frame_separation import draw_features

FP64 = torch.float64
SHAPES = [(1, 1, 31, 1, 64), (2, 3, 37, 5, 96), (3, 2, 67, 17, 128), (2, 1, 13, 80, 16), (2, 5, 1, 3, 20)]


def brute_force(query, key, features, frames, scale, over):
    """`softmax(scale · q·κ) o` in fp64, token by token, minus the mean over the text keys."""
    query, key, features = (rows.double().cpu() for rows in (query, key, features))
    segments = frames if over == "frame" else 1
    size = query.shape[1] // segments
    found = torch.zeros(*key.shape[:2], segments, key.shape[2], dtype=FP64)
    for segment in range(segments):
        part = slice(segment * size, (segment + 1) * size)
        weight = (scale * torch.einsum("and,akd->akn", query[:, part], key)).exp()
        found[:, :, segment] = torch.einsum("akn,and->akd", weight, features[:, part]) / weight.sum(-1, keepdim=True)
    return found - found.mean(1, keepdim=True)


def check(backend, heads, frames, patches, keys, dim, *, over, seed=1, dtype=torch.float32, score="chi"):
    query, features = (
        draw_rows(heads, frames * patches, dim, seed=seed, dtype=dtype),
        draw_features(heads, frames, patches, dim, seed=seed + 1, dtype=dtype, mean=5.0),
    )
    key, scale = draw_rows(heads, keys, dim, seed=seed + 2, dtype=dtype), 3 / dim**0.5
    surrogates, scores = soft_surrogates(
        query, key, features, frames=frames, scale=scale, over=over, score=score, backend=backend
    )
    assert surrogates.dtype == dtype
    # Rounding of the dot products, of the weights of a GPU, and of the results.
    rounding = {torch.float32: 2e-5, torch.float16: 4e-3, torch.bfloat16: 2e-2}[dtype]
    expected = brute_force(query, key, features, frames, scale, over)
    if keys == 1 or frames * patches // surrogates.shape[2] == 1:  # nothing to choose from: all keys are equal
        assert surrogates.abs().max() <= 1e-5
    else:
        assert_close(surrogates, expected, rounding)
    alone = frame_separation(features.double(), frames=frames, score=score, backend="reference")
    assert_close(scores, alone, 2e-5)


@pytest.mark.parametrize("over", SEGMENTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("heads", "frames", "patches", "keys", "dim"), SHAPES)
def test_is_the_mean_of_the_features_weighted_by_the_softmax(backend, heads, frames, patches, keys, dim, dtype, over):
    check(backend, heads, frames, patches, keys, dim, over=over, dtype=dtype)


@ANY_SHAPE
@given(
    heads=st.integers(1, 3),
    frames=st.integers(1, 4),
    patches=st.integers(1, 70),
    keys=st.integers(1, 20),
    dim=st.sampled_from([4, 20, 64]),
    over=st.sampled_from(SEGMENTS),
    seed=st.integers(0, 99),
)
def test_any_shape(backend, heads, frames, patches, keys, dim, over, seed):
    check(backend, heads, frames, patches, keys, dim, over=over, seed=seed)


@pytest.mark.parametrize("score", SCORES)
def test_every_score(backend, score):
    check(backend, 3, 3, 41, 4, 20, over="clip", score=score)


def test_frames_in_several_parts(backend, monkeypatch):
    from imap_kernels.soft_surrogates import triton

    monkeypatch.setattr(triton, "PART_ROWS", 50)
    monkeypatch.setattr(triton, "MERGED", 512)
    for score in ("chi", "dbi"):
        for over in SEGMENTS:
            check(backend, 2, 3, 131, 5, 16, over=over, score=score)


def test_a_large_factor_finds_the_best_patch(backend):
    query, features = draw_rows(2, 3 * 23, 16, seed=4), draw_rows(2, 3 * 23, 16, seed=5)
    key = draw_rows(2, 4, 16, seed=6)
    surrogates, _ = soft_surrogates(query, key, features, frames=3, scale=1e4, over="frame", backend=backend)
    best = torch.einsum("afpd,akd->akfp", query.unflatten(1, (3, 23)), key).argmax(-1)
    chosen = torch.stack(
        [features.unflatten(1, (3, 23))[:, f].take_along_dim(best[:, :, f, None], 1) for f in range(3)], 2
    )
    assert_close(surrogates, chosen - chosen.mean(1, keepdim=True), 1e-5)


def test_scores_far_from_zero_do_not_overflow(backend):
    query, key = draw_rows(2, 2 * 31, 16, seed=7), draw_rows(2, 3, 16, seed=8)
    features = draw_rows(2, 2 * 31, 16, seed=9)
    query[..., 0], key[..., 0] = 40, torch.tensor([30.0, -30.0, 0.0], device=DEVICE)
    surrogates, _ = soft_surrogates(query, key, features, frames=2, scale=1.0, over="clip", backend=backend)
    query[..., 0] = 0  # the same for all tokens, so the softmax does not see it
    assert_close(surrogates, brute_force(query, key, features, 2, 1.0, "clip"), 1e-3)


def test_the_same_bits_twice(backend):
    query, key, features = (draw_rows(2, rows, 20, seed=rows) for rows in (74, 5, 74))
    first, again = (
        soft_surrogates(query, key, features, frames=2, scale=0.7, over="clip", backend=backend) for _ in range(2)
    )
    assert all(map(torch.equal, first, again))


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("keys", [2, 7, 80])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_gram_column_takes_them(backend, dtype, keys, frames):
    """As an oracle: each surrogate becomes a token of its frame, which an index can name."""
    heads, patches, dim = 3, 23, 20
    features = draw_rows(heads, frames * patches, dim, seed=1, dtype=dtype)
    surrogates = draw_rows(heads, keys * frames, dim, seed=2, dtype=dtype).unflatten(1, (keys, frames))
    weights = torch.ones(2, heads, device=DEVICE)
    weights[1, 1:] = 0
    multiplicity = draw_multiplicity(keys, padding=9)
    out = torch.zeros(2, keys, frames * patches, device=DEVICE)
    gram_column(features, surrogates, multiplicity=multiplicity, head_weights=weights, out=out, backend=backend)
    longer = torch.cat([features.unflatten(1, (frames, patches)), surrogates.transpose(1, 2)], 2)
    index = (patches + torch.arange(keys, device=DEVICE))[None, :, None].expand(heads, keys, frames)
    expected = torch.zeros(2, keys, frames * (patches + keys), device=DEVICE)
    gram_column(
        longer.flatten(1, 2).double(),
        index.contiguous(),
        multiplicity=multiplicity,
        head_weights=weights,
        out=expected,
        backend="reference",
    )
    assert_close(out, expected.unflatten(2, (frames, -1))[..., :patches].flatten(2), 2e-5)


def test_says_what_does_not_fit():
    query, key = torch.randn(2, 12, 8), torch.randn(2, 3, 8)
    arguments = {"frames": 3, "scale": 1.0}
    with pytest.raises(ValueError, match=r"over is 'video'; choose one of 'frame', 'clip'"):
        soft_surrogates(query, key, query, **arguments, over="video")
    with pytest.raises(ValueError, match=r"features has shape \[2, 9, 8\] but query has \[2, 12, 8\]"):
        soft_surrogates(query, key, query[:, :9], **arguments)
    with pytest.raises(ValueError, match=r"12 visual tokens.*each of 5 frames"):
        soft_surrogates(query, key, query, frames=5, scale=1.0)
    with pytest.raises(ValueError, match="score is 'best'"):
        soft_surrogates(query, key, query, **arguments, score="best")
    with pytest.raises(TypeError, match=r"key is torch.float16 but query is torch.float32"):
        soft_surrogates(query, key.half(), query, **arguments)
    weights = {"multiplicity": torch.ones(3), "head_weights": torch.ones(1, 2), "out": torch.zeros(1, 3, 12)}
    with pytest.raises(TypeError, match=r"surrogates are torch.float16 but features torch.float32"):
        gram_column(query, torch.zeros(2, 3, 3, 8).half(), **weights)
    with pytest.raises(
        ValueError, match=r"surrogates have shape \[2, 3, 3, 4\]; expected \[2 heads, keys, frames, 8\]"
    ):
        gram_column(query, torch.zeros(2, 3, 3, 4), **weights)

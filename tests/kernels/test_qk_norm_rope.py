"""QK norm and RoPE against fp64, and against what stock diffusers does in its place."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.gpu.checks import ROUNDING
from imap_kernels import qk_norm_rope
from tests.assertions import assert_close
from tests.device import DEVICE
from tests.kernels.draw import ANY_SHAPE

EPS = 1e-6
SHAPES = [
    (1, 1, 0, 1, 2),
    (2, 5, 3, 11, 64),
    (1, 17, 7, 13, 96),
    (1, 3, 1, 5, 128),
    (3, 2, 4, 0, 16),
]


def draw(batch, heads, text, tokens, dim, dtype=torch.float32, seed=0):
    """Rows far from mean 0 as projections lay them out, norms that are not the identity, and angles of all sizes."""
    generator = torch.Generator().manual_seed(seed)

    def rows():
        drawn = 2 * torch.randn(batch, text + tokens, heads, dim, generator=generator) + 1
        return drawn.to(DEVICE, dtype).transpose(1, 2)

    def norm():
        weight, bias = torch.randn(2, dim, generator=generator).to(DEVICE, dtype)
        return weight, bias

    angles = 10 * torch.randn(tokens, dim, generator=generator).to(DEVICE)
    return rows(), rows(), {"query_norm": norm(), "key_norm": norm()}, (angles.cos(), angles.sin())


def exact(rows, norm, rotary, text):
    """In fp64, pair by pair as complex numbers would turn, were both angles of a pair the same."""
    rows, weight, bias = rows.double(), *(vector.double() for vector in norm)
    centred = rows - rows.mean(-1, keepdim=True)
    y = centred / (centred.square().mean(-1, keepdim=True) + EPS).sqrt() * weight + bias
    if rotary is not None:
        cosine, sine = (table.double() for table in rotary)
        z = y[:, :, text:].clone()
        for i in range(0, rows.shape[-1], 2):
            a, b = y[:, :, text:, i], y[:, :, text:, i + 1]
            z[..., i] = a * cosine[:, i] - b * sine[:, i]
            z[..., i + 1] = b * cosine[:, i + 1] + a * sine[:, i + 1]
        y[:, :, text:] = z
    return y


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("turned", [True, False], ids=["rope", "norm-alone"])
@pytest.mark.parametrize(("batch", "heads", "text", "tokens", "dim"), SHAPES)
def test_every_row_is_normed_and_every_visual_row_turned(backend, batch, heads, text, tokens, dim, turned, dtype):
    query, key, norms, rotary = draw(batch, heads, text, tokens, dim, dtype)
    rotary = rotary if turned else None
    expected = [exact(*pair, rotary, text) for pair in ((query, norms["query_norm"]), (key, norms["key_norm"]))]
    assert qk_norm_rope(query, key, **norms, eps=EPS, rotary=rotary, text=text, backend=backend) is None
    for rows, wanted in zip((query, key), expected, strict=True):
        assert rows.dtype == dtype
        assert_close(rows, wanted, ROUNDING[dtype])


@ANY_SHAPE
@given(
    batch=st.integers(1, 2),
    heads=st.integers(1, 20),
    text=st.integers(0, 9),
    tokens=st.integers(1, 20),
    dim=st.sampled_from([2, 10, 64]),
    seed=st.integers(0, 99),
)
def test_any_shape(backend, batch, heads, text, tokens, dim, seed):
    query, key, norms, rotary = draw(batch, heads, text, tokens, dim, seed=seed)
    expected = [exact(*pair, rotary, text) for pair in ((query, norms["query_norm"]), (key, norms["key_norm"]))]
    qk_norm_rope(query, key, **norms, eps=EPS, rotary=rotary, text=text, backend=backend)
    for rows, wanted in zip((query, key), expected, strict=True):
        # Rows of two channels lie on either side of their mean, where eps decides little and rounding much.
        assert_close(rows, wanted, 1e-4)


def test_nothing_beside_the_rows_is_written(backend):
    """Queries, keys and values of one fused projection lie in turn: the values must stay what they were."""
    batch, heads, rows, dim = 2, 3, 9, 16
    fused = torch.randn(batch, rows, 3 * heads * dim, device=DEVICE)
    before = fused.clone()
    query, key, _ = (part.unflatten(-1, (heads, dim)).transpose(1, 2) for part in fused.chunk(3, dim=-1))
    _, _, norms, rotary = draw(batch, heads, 2, 7, dim)
    qk_norm_rope(query, key, **norms, eps=EPS, rotary=rotary, text=2, backend=backend)
    inner = heads * dim
    assert torch.equal(fused[..., 2 * inner :], before[..., 2 * inner :])
    query, key, _ = (part.unflatten(-1, (heads, dim)).transpose(1, 2) for part in before.chunk(3, dim=-1))
    expected = [exact(*pair, rotary, 2) for pair in ((query, norms["query_norm"]), (key, norms["key_norm"]))]
    for found, wanted in zip(fused.chunk(3, dim=-1), expected, strict=False):
        assert_close(found.unflatten(-1, (heads, dim)).transpose(1, 2), wanted, 1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_no_further_from_the_truth_than_stock(dtype):
    embeddings = pytest.importorskip("diffusers.models.embeddings")  # the kernels themselves need no diffusers
    query, key, norms, rotary = draw(2, 6, 5, 40, 64, dtype)
    wanted = exact(query, norms["query_norm"], rotary, 5)
    stock = torch.nn.functional.layer_norm(query, (64,), *norms["query_norm"], EPS)
    stock[:, :, 5:] = embeddings.apply_rotary_emb(stock[:, :, 5:], rotary)
    qk_norm_rope(query, key, **norms, eps=EPS, rotary=rotary, text=5, backend="reference")

    def error(rows):
        return (rows.double() - wanted).norm() / wanted.norm()

    assert 0 < error(query) <= error(stock)


def test_same_input_same_bits(backend):
    results = []
    for _ in range(2):
        query, key, norms, rotary = draw(1, 5, 3, 29, 64, torch.float16)
        qk_norm_rope(query, key, **norms, eps=EPS, rotary=rotary, text=3, backend=backend)
        results.append((query, key))
    assert all(torch.equal(first, second) for first, second in zip(*results, strict=True))


def test_says_what_does_not_fit():
    query, key, norms, (cosine, sine) = draw(1, 2, 3, 5, 8)

    def refused(error, match, *, query=query, key=key, **changed):
        with pytest.raises(error, match=match):
            qk_norm_rope(query, key, **{**norms, "eps": EPS, "rotary": (cosine, sine), "text": 3, **changed})

    refused(ValueError, r"query has shape \[2, 8, 8\]", query=query[0], key=key[0])
    refused(ValueError, r"key \[1, 2, 7, 8\]; pass both as one", key=key[:, :, 1:])
    refused(ValueError, "head dim of 7; it must be even", query=query[..., 1:], key=key[..., 1:])
    refused(TypeError, "query is torch.int64", query=query.long(), key=key.long())
    refused(TypeError, "key is torch.float16", key=key.half())
    refused(ValueError, r"key_norm has shape \[1\]", key_norm=(torch.ones(1), torch.ones(1)))
    refused(ValueError, "text is 9, but there are 8 rows", text=9)
    refused(ValueError, r"cosine has shape \[4, 8\]; expected \[5, 8\]", rotary=(cosine[1:], sine[1:]))
    refused(TypeError, "sine is torch.float64", rotary=(cosine, sine.double()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_each_value_of_the_reference_is_rounded_once(dtype):
    """Norm and rotation both compute in fp32: no error exceeds half a step of the dtype, and a little.

    Triton's interpreter rounds to bfloat16 by cutting off.
    """
    query, key, norms, rotary = draw(2, 2, 5, 12, 64, dtype)
    expected = exact(query, norms["query_norm"], rotary, 5)
    qk_norm_rope(query, key, **norms, eps=EPS, rotary=rotary, text=5, backend="reference")
    step = torch.finfo(dtype).eps * expected.abs()
    assert ((query.double() - expected).abs() <= 0.51 * step + 1e-5).all()

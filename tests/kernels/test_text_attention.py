"""How much text rows attend to each other, against a softmax with every row spelled out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.gpu.checks import ROUNDING
from imap_kernels import text_attention
from tests.assertions import assert_close
from tests.device import DEVICE
from tests.kernels.draw import ANY_SHAPE, draw_multiplicity, draw_rows


def draw_case(heads, keys, tokens, dim, *, seed, dtype=torch.float32):
    """Queries and keys of the text rows, and keys of the visual ones."""
    return [draw_rows(heads, size, dim, seed=seed + i, dtype=dtype) for i, size in enumerate((keys, keys, tokens))]


def brute_force(query, key, visual_key, multiplicity):
    """The mean over heads of what each text row gives to all copies of each text row, fp64 `[keys, keys]`."""
    copies = multiplicity.long()
    spelled = torch.cat([key.double().repeat_interleave(copies, 1), visual_key.double()], 1)
    weights = (query.double() @ spelled.mT * query.shape[-1] ** -0.5).softmax(-1)
    of_copies = weights[..., : int(copies.sum())].split(copies.tolist(), dim=-1)
    return torch.stack([part.sum(-1) for part in of_copies], dim=-1).mean(0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    ("heads", "keys", "tokens", "dim"),
    [(1, 1, 1, 4), (2, 2, 31, 64), (3, 5, 601, 96), (2, 67, 13, 128), (1, 9, 1031, 64)],
)
def test_adds_the_mean_over_heads(backend, heads, keys, tokens, dim, dtype):
    case = draw_case(heads, keys, tokens, dim, seed=1, dtype=dtype)
    multiplicity = draw_multiplicity(keys, padding=217)
    before = torch.randn(keys, keys, device=DEVICE)
    out = before.clone()
    text_attention(*case, multiplicity=multiplicity, out=out, backend=backend)
    assert_close(out - before, brute_force(*case, multiplicity), max(ROUNDING[dtype], 2e-5))


@ANY_SHAPE
@given(
    heads=st.integers(1, 3),
    keys=st.integers(1, 20),
    tokens=st.integers(1, 150),
    dim=st.sampled_from([4, 20, 64]),
    padding=st.integers(0, 300),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_any_shape(backend, heads, keys, tokens, dim, padding, seed, data):
    case = draw_case(heads, keys, tokens, dim, seed=seed)
    multiplicity = draw_multiplicity(keys, padding=padding)
    concepts = data.draw(st.integers(1, keys))
    buffer = torch.full((concepts + 2, 2 * concepts), torch.nan, device=DEVICE)
    out = buffer[1:-1, ::2].zero_()
    text_attention(*case, multiplicity=multiplicity, out=out, backend=backend)
    assert_close(out, brute_force(*case, multiplicity)[:concepts, :concepts], 2e-5)
    assert buffer.isnan().sum() == buffer.numel() - concepts**2


def test_keys_beyond_the_result_count_in_the_softmax(backend):
    """Also those of another tile."""
    case, multiplicity = draw_case(2, 70, 13, 16, seed=5), draw_multiplicity(70, padding=31)
    out = torch.zeros(3, 3, device=DEVICE)
    text_attention(*case, multiplicity=multiplicity, out=out, backend=backend)
    assert_close(out, brute_force(*case, multiplicity)[:3, :3], 2e-5)


def test_a_repeated_call_gives_the_same_bits(backend):
    case, multiplicity = draw_case(3, 7, 900, 64, seed=2), draw_multiplicity(7, padding=5)
    found = []
    for _ in range(2):
        out = torch.zeros(7, 7, device=DEVICE)
        text_attention(*case, multiplicity=multiplicity, out=out, backend=backend)
        found.append(out)
    assert torch.equal(*found)


def test_large_scores_do_not_overflow(backend):
    query, key, visual_key = draw_case(2, 3, 77, 64, seed=3)
    multiplicity, out = draw_multiplicity(3, padding=5), torch.zeros(3, 3, device=DEVICE)
    key[:, 1] = query[:, 0]  # the key that wins
    text_attention(300 * query, key, visual_key, multiplicity=multiplicity, out=out, backend=backend)
    assert_close(out, brute_force(300 * query, key, visual_key, multiplicity), 1e-4)


@pytest.mark.parametrize("poisoned", [0, 1, 2])
def test_notes_what_is_not_finite(backend, poisoned):
    case, multiplicity = draw_case(2, 3, 31, 16, seed=4), draw_multiplicity(3, padding=5)
    for value, noted in ((1.0, 0), (torch.nan, 1)):
        case[poisoned][1, 2, 3] = value
        note = torch.zeros((), dtype=torch.int32, device=DEVICE)
        out = torch.zeros(3, 3, device=DEVICE)
        text_attention(*case, multiplicity=multiplicity, out=out, not_finite=note, backend=backend)
        assert note.item() == noted


def test_says_what_does_not_fit():
    query, key, visual_key = (torch.randn(2, rows, 8) for rows in (3, 3, 12))
    multiplicity = torch.ones(3)
    with pytest.raises(ValueError, match=r"key has shape \[2, 2, 8\] but query has \[2, 3, 8\]"):
        text_attention(query, key[:, :2], visual_key, multiplicity=multiplicity, out=torch.zeros(3, 3))
    with pytest.raises(ValueError, match=r"out has shape \[3, 2\]; expected \[any, 3\]"):
        text_attention(query, key, visual_key, multiplicity=multiplicity, out=torch.zeros(3, 2))
    with pytest.raises(ValueError, match="room for 4 concepts but there are 3 text keys"):
        text_attention(query, key, visual_key, multiplicity=multiplicity, out=torch.zeros(4, 4))

"""The rows of regions against a mean in fp64, token by token."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.gpu.checks import ROUNDING
from imap_kernels import region_rows
from tests.assertions import assert_close
from tests.device import DEVICE
from tests.kernels.draw import ANY_SHAPE, draw_rows

INT64 = torch.int64


def draw_regions(tokens, sizes, *, seed):
    """Random tokens for regions of these sizes, as `tokens` and `offsets` with gaps in memory, full of zeros."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.zeros(sum(sizes), 3, dtype=INT64)
    drawn[:, 1] = torch.randint(tokens, (sum(sizes),), generator=generator)
    offsets = torch.zeros(len(sizes) + 1, 2, dtype=INT64)
    offsets[:, 0] = torch.tensor([0, *sizes]).cumsum(0)
    return drawn.to(DEVICE)[:, 1], offsets.to(DEVICE)[:, 0]


def draw_unit_length(regions, *, dtype=torch.bool):
    """Every second region is scaled to unit length. With gaps in memory."""
    return (torch.arange(2 * regions, device=DEVICE) % 4 == 0).to(dtype)[::2]


def brute_force(features, tokens, offsets, unit_length):
    """The mean over the tokens of each region, fp64 `[heads, regions, dim]`."""
    exact, rows = features.double(), []
    for unit, part in zip(unit_length, tokens.split(offsets.diff().tolist()), strict=True):
        o = torch.stack([exact[:, token] for token in part.tolist()], 1)
        rows.append((torch.nn.functional.normalize(o, dim=-1, eps=1e-300) if unit else o).mean(1))
    return torch.stack(rows, 1)


@pytest.mark.parametrize("unit_dtype", [torch.bool, torch.int32], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    ("heads", "tokens", "dim", "sizes"),
    [(1, 1, 4, [1]), (3, 31, 64, [31]), (2, 211, 96, [1, 200, 3]), (2, 67, 128, [64, 65, 1, 2, 5])],
)
def test_is_the_mean_over_the_tokens(backend, heads, tokens, dim, sizes, dtype, unit_dtype):
    features = draw_rows(heads, tokens, dim, seed=1, dtype=dtype)
    regions = draw_regions(tokens, sizes, seed=2)
    unit_length = draw_unit_length(len(sizes), dtype=unit_dtype)
    rows = region_rows(features, *regions, unit_length=unit_length, backend=backend)
    assert rows.dtype == dtype
    assert_close(rows, brute_force(features, *regions, unit_length), ROUNDING[dtype])


@ANY_SHAPE
@given(
    heads=st.integers(1, 3),
    tokens=st.integers(1, 200),
    dim=st.sampled_from([4, 20, 64]),
    sizes=st.lists(st.integers(1, 150), min_size=1, max_size=20),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_any_regions(backend, heads, tokens, dim, sizes, seed, data):
    features = draw_rows(heads, tokens, dim, seed=seed)
    regions = draw_regions(tokens, sizes, seed=seed)
    unit_length = torch.tensor(data.draw(st.lists(st.booleans(), min_size=len(sizes), max_size=len(sizes))))
    rows = region_rows(features, *regions, unit_length=unit_length.to(DEVICE), backend=backend)
    assert_close(rows, brute_force(features, *regions, unit_length), 1e-5)


@pytest.mark.parametrize("unit", [False, True])
def test_reads_only_the_tokens_of_a_region(backend, unit):
    features = draw_rows(3, 37, 20, seed=3)
    tokens, offsets = torch.tensor([3, 1, 36, 3, 5], device=DEVICE), torch.tensor([0, 2, 5], device=DEVICE)
    unit_length = torch.tensor([unit, unit], device=DEVICE)
    expected = brute_force(features, tokens, offsets, unit_length)
    features = features.clone()
    for unread in (0, 2, 4, 20):
        features[:, unread] = torch.nan
    features[1, 1] = torch.inf  # in one head of the first region
    note = torch.zeros((), dtype=torch.int32, device=DEVICE)
    rows = region_rows(features, tokens, offsets, unit_length=unit_length, not_finite=note, backend=backend)
    assert not rows[1, 0].isfinite().any()
    assert note == 1
    assert_close(rows[[0, 2], 0], expected[[0, 2], 0], 1e-5)
    assert_close(rows[:, 1], expected[:, 1], 1e-5)


def test_a_feature_of_zeros_stays_zero(backend):
    features = draw_rows(2, 5, 16, seed=4)
    features[:, 2] = 0
    tokens, offsets = torch.tensor([2, 2, 4], device=DEVICE), torch.tensor([0, 1, 3], device=DEVICE)
    note = torch.zeros((), dtype=torch.int32, device=DEVICE)
    named = {"unit_length": torch.ones(2, dtype=torch.bool, device=DEVICE), "not_finite": note, "backend": backend}
    rows = region_rows(features, tokens, offsets, **named)
    assert torch.count_nonzero(rows[:, 0]) == 0
    assert_close(rows[:, 1].norm(dim=-1), torch.full((2,), 0.5, device=DEVICE), 1e-6)
    assert note == 0


@pytest.mark.parametrize(("unit", "noted"), [(False, 0), (True, 1)])
def test_notes_a_length_beyond_fp32(backend, unit, noted):
    """It is no row of zeros in silence."""
    features, note = 1e25 * draw_rows(2, 5, 16, seed=5), torch.zeros((), dtype=torch.int32, device=DEVICE)
    regions = torch.tensor([3], device=DEVICE), torch.tensor([0, 1], device=DEVICE)
    unit_length = torch.tensor([unit], device=DEVICE)
    region_rows(features, *regions, unit_length=unit_length, not_finite=note, backend=backend)
    assert note == noted


def test_the_same_bits_twice(backend):
    features, regions = draw_rows(3, 301, 64, seed=6), draw_regions(301, [170, 1, 90], seed=7)
    unit_length = draw_unit_length(3)
    assert torch.equal(*(region_rows(features, *regions, unit_length=unit_length, backend=backend) for _ in range(2)))


def test_says_what_does_not_fit():
    features = torch.randn(2, 12, 8)
    good = {"tokens": torch.tensor([3, 4, 9]), "offsets": torch.tensor([0, 1, 3]), "unit_length": torch.ones(2).bool()}
    for wrong, error, message in (
        ({"tokens": torch.ones(3).int()}, TypeError, "tokens is torch.int32; pass int64 indices"),
        ({"offsets": torch.ones(3).int()}, TypeError, "offsets is torch.int32; pass int64 indices"),
        ({"tokens": torch.ones(0, dtype=INT64)}, ValueError, r"shape \[0\]; pass one dimension of at least 1"),
        ({"tokens": torch.ones(3, 1, dtype=INT64)}, ValueError, r"shape \[3, 1\]; pass one dimension of at least 1"),
        ({"offsets": torch.ones(1, dtype=INT64)}, ValueError, r"shape \[1\]; pass one dimension of at least 2"),
        ({"unit_length": torch.ones(2)}, TypeError, "unit_length is torch.float32; pass int32 or bool"),
        ({"unit_length": torch.ones(3).bool()}, ValueError, r"unit_length has shape \[3\]; expected \[2\]"),
        ({"not_finite": torch.zeros(())}, TypeError, "not_finite is torch.float32"),
    ):
        with pytest.raises(error, match=message):
            region_rows(features, **{**good, **wrong})

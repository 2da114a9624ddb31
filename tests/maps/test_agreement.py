"""The agreement is the intraclass correlation of the textbook, and it foretells what other repeats give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from imap_fast.maps.agreement import agreement, sums_of_repeats
from imap_fast.maps.doubts import doubts
from tests.render.synthetic import make_maps


def agreement_of(repeats: Tensor) -> Tensor:
    """Of k repeats of C maps, `[F, k, C, H, W]`."""
    return agreement(sums_of_repeats(repeats.double()), repeats[:, 0, 0].numel())


def of_the_textbook(table: np.ndarray) -> float:
    """ICC(C,k) from the analysis of variance of a table of n positions and k repeats (McGraw & Wong 1996, table 4)."""
    positions, repeats = table.shape
    mean, rows, columns = table.mean(), table.mean(1), table.mean(0)
    residual = table - rows[:, None] - columns + mean
    of_rows = repeats * np.sum((rows - mean) ** 2) / (positions - 1)
    of_error = np.sum(residual**2) / ((positions - 1) * (repeats - 1))
    return float(np.clip((of_rows - of_error) / of_rows, 0, 1))


def drawn(seed: int, *shape: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def repeats_of(seed: int, signal: float, shift: float, shape: tuple[int, int, int, int, int]) -> Tensor:
    """A map that all repeats share, with noise of variance 1 in each, and another level of each."""
    frames, repeats, concepts, height, width = shape
    shared = drawn(seed, frames, 1, concepts, height, width, scale=signal)
    return shared + drawn(seed + 1, *shape) + drawn(seed + 2, 1, repeats, concepts, 1, 1, scale=shift)


SHAPES = st.tuples(st.integers(1, 4), st.integers(2, 6), st.integers(1, 3), st.integers(1, 4), st.integers(2, 4))


@given(st.integers(0, 2**32), st.sampled_from([0.3, 1.0, 30.0]), st.sampled_from([0.0, 1.0, 50.0]), SHAPES)
def test_it_is_that_of_the_textbook(seed: int, signal: float, shift: float, shape: tuple) -> None:
    repeats = repeats_of(seed, signal, shift, shape)
    found = agreement_of(repeats)
    assert found.dtype == torch.float32
    for concept, value in enumerate(found.tolist()):
        table = repeats[:, :, concept].transpose(0, 1).flatten(1).T.numpy()
        assert value == pytest.approx(of_the_textbook(table), abs=1e-6)


def test_rounding_lifts_no_agreement_above_1() -> None:
    # Their totals differ, so their deviations are not 0 but for rounding.
    sums = torch.tensor([[10.0], [11.0], [500.0], [0.0]], dtype=torch.float64)
    assert agreement(sums, 4).item() == 1


@given(st.integers(0, 2**32), SHAPES, st.data())
def test_the_sums_of_parts_add_up(seed: int, shape: tuple, data: st.DataObject) -> None:
    repeats = repeats_of(seed, 1, 1, shape)
    cut = data.draw(st.integers(0, shape[0]))
    parts = sums_of_repeats(repeats[:cut]) + sums_of_repeats(repeats[cut:])
    torch.testing.assert_close(parts, sums_of_repeats(repeats))


@pytest.mark.parametrize("signal", [0.2, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("repeats", [2, 4, 16])
def test_it_is_the_share_of_the_variance_that_is_known(signal: float, repeats: int) -> None:
    """A mean of k repeats has the variance of the signal, and 1/k of that of the noise."""
    truth = signal**2 / (signal**2 + 1 / repeats)
    found = agreement_of(repeats_of(3, signal, 5, (40, repeats, 1, 30, 30)))
    assert found.item() == pytest.approx(truth, abs=0.03)


@pytest.mark.parametrize("signal", [0.2, 0.5, 1.0])
def test_it_foretells_the_correlation_with_other_repeats(signal: float) -> None:
    repeats = repeats_of(7, signal, 2, (40, 8, 1, 30, 30))
    one, other = repeats[:, :4], repeats[:, 4:]
    measured = np.corrcoef(one.mean(1).flatten(), other.mean(1).flatten())[0, 1]
    assert agreement_of(one).item() == pytest.approx(measured, abs=0.03)
    assert agreement_of(other).item() == pytest.approx(measured, abs=0.03)


def test_extremes() -> None:
    shared = drawn(0, 3, 1, 1, 4, 5).expand(-1, 3, -1, -1, -1)
    levels = torch.tensor([0.0, 100, -7]).view(1, 3, 1, 1, 1)
    assert agreement_of(shared).item() == 1
    assert agreement_of(shared + levels).item() == pytest.approx(1), "a level says nothing of places"
    assert agreement_of(torch.cat([shared[:, :1], -shared[:, :1]], 1)).item() == 0
    assert agreement_of(torch.zeros(3, 2, 1, 4, 5)).item() == 0
    assert agreement_of(drawn(1, 1, 2, 1, 1, 1)).item() == 0, "one position"


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=5), st.integers(1, 9))
def test_maps_that_are_the_same_everywhere_have_none(levels: list[float], side: int) -> None:
    """Though sums of squares round."""
    assert agreement_of(torch.tensor(levels).view(1, -1, 1, 1, 1).expand(3, -1, -1, side, 7)).item() == 0


def sure(*values: float, of: str = "noises", count: int = 2):
    labels = ("ball", "rolling", "background", *map(str, range(20)))[: len(values)]
    maps = make_maps(labels, repeats={"of": of, "count": count})
    return replace(maps, agreements={"gramcol": torch.zeros(len(values)), "imap": torch.tensor(values)})


def test_concepts_that_are_not_sure_are_named_the_least_sure_first() -> None:
    assert doubts(sure(0.42, 0.308, 0.0), "noises=") == (
        "another noise would give another map of 'rolling' (agreement 0.31) and 'ball' (0.42); "
        "average more with noises=8"
    )
    assert doubts(sure(0.42, 0.5), "--noises ") == (
        "another noise would give another map of 'ball' (agreement 0.42); average more with --noises 8"
    )
    assert doubts(sure(0.42, 0.5, count=16), "noises=").endswith("noises=32")
    assert doubts(sure(0.42, 0.5, of="steps"), "noises=") == (
        "other steps would give another map of 'ball' (agreement 0.42)"
    )
    many = doubts(sure(*(value / 100 for value in range(20))), "noises=")
    assert many.count("(") == 5
    assert "'0' (0.03), '1' (0.04), '2' (0.05) and 14 more;" in many


def test_of_sure_maps_and_of_unknown_ones_nothing_is_said() -> None:
    assert doubts(sure(0.5, 1.0, 0.1), "noises=") is None, "the background is no concept of the user"
    assert doubts(make_maps(), "noises=") is None

"""The selection of motion heads: the choice is that of a stable sort, whatever the scores are."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from imap_kernels import SCORES, motion_heads, select_heads
from tests.device import DEVICE
from tests.kernels.draw import ANY_SHAPE

SCORE = st.sampled_from([0.0, -0.0, 1.0, 2.5, -2.5, math.inf, -math.inf, math.nan])


def selected(scores: Tensor, backend: str, **arguments: object) -> tuple[Tensor, Tensor, Tensor]:
    """Sum of scores, sum of choices, and weights. The sums begin with ones, the weights with NaN."""
    rows = torch.ones(3, len(scores), 2, dtype=torch.float32, device=DEVICE)[..., 1]  # with gaps
    rows[2] = math.nan
    running = {"score_sum": rows[0], "chosen_sum": rows[1], "weights": rows[2]}
    select_heads(scores, **running, **arguments, backend=backend)
    return rows[0], rows[1], rows[2]


@ANY_SHAPE
@given(values=st.lists(SCORE, min_size=1, max_size=40), score=st.sampled_from(SCORES), data=st.data())
def test_takes_the_best_heads(backend, values, score, data):
    scores = torch.tensor(values, dtype=torch.float32, device=DEVICE)
    top_k = data.draw(st.integers(1, len(values)))
    # Ranked by hand: better first, NaN last, of equal heads the first.
    sign = 1 if score == "dbi" else -1
    ranked = sorted(range(len(values)), key=lambda h: (math.isnan(values[h]), sign * values[h], h))
    chosen = torch.zeros(len(values), device=DEVICE)
    chosen[ranked[:top_k]] = 1
    score_sum, chosen_sum, weights = selected(scores, backend, score=score, top_k=top_k)
    assert torch.equal(score_sum.nan_to_num(7), (1 + scores).nan_to_num(7))
    assert torch.equal(chosen_sum, 1 + chosen)
    assert torch.equal(weights, chosen / top_k)


@pytest.mark.parametrize("heads", [1, 12, 30, 48, 128])
def test_takes_those_of_motion_heads(backend, heads):
    scores = torch.rand(heads, generator=torch.Generator().manual_seed(heads)).to(DEVICE)
    top_k = min(5, heads)
    weights = selected(scores, backend, score="chi", top_k=top_k)[2]
    best = motion_heads(scores, score="chi", top_k=top_k)
    assert torch.equal(weights.nonzero()[:, 0], best.sort().values)


def test_takes_the_given_heads(backend):
    scores = torch.arange(6.0, device=DEVICE)
    given = torch.tensor([[9, 4], [9, 0]], device=DEVICE)[:, 1]  # with gaps
    score_sum, chosen_sum, weights = selected(scores, backend, score="chi", top_k=2, given=given)
    assert torch.equal(score_sum, 1 + scores)
    assert chosen_sum.tolist() == [2, 1, 1, 1, 2, 1]
    assert weights.tolist() == [0.5, 0, 0, 0, 0.5, 0]


def test_says_what_does_not_fit():
    scores, rows = torch.rand(4), torch.rand(3, 4)
    running = {"score_sum": rows[0], "chosen_sum": rows[1], "weights": rows[2]}
    with pytest.raises(ValueError, match="score is 'best'; choose one of"):
        select_heads(scores, score="best", top_k=2, **running)
    for top_k in (0, 5):
        with pytest.raises(ValueError, match=f"top_k is {top_k}; choose between 1 and the number of heads, 4"):
            select_heads(scores, score="chi", top_k=top_k, **running)
    with pytest.raises(TypeError, match=r"scores is torch.float64; it must be float32"):
        select_heads(scores.double(), score="chi", top_k=2, **running)
    with pytest.raises(ValueError, match=r"weights has shape \[3\]; expected \[4\]"):
        select_heads(scores, score="chi", top_k=2, **running | {"weights": rows[2, 1:]})
    with pytest.raises(ValueError, match=r"given is torch.int64 \[3\]; pass 2 heads as int64 \[2\]"):
        select_heads(scores, score="chi", top_k=2, **running, given=torch.arange(3))
    with pytest.raises(ValueError, match=r"given is torch.int32 \[2\]; pass 2 heads as int64"):
        select_heads(scores, score="chi", top_k=2, **running, given=torch.arange(2, dtype=torch.int32))

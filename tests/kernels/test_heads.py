"""Taking heads a few at a time changes nothing but memory."""

import pytest
import torch

from imap_kernels import concept_attention, frame_separation, heads
from tests.kernels.draw import draw_multiplicity, draw_rows


@pytest.fixture(params=[1, 2 * 35 * 20, 10**9], ids=["one head", "two heads", "all heads"])
def elements(request, monkeypatch):
    """Room for one head of 35 tokens × 20 channels at a time, for two, and for all five."""
    monkeypatch.setattr(heads, "ELEMENTS", request.param)
    return request.param


def test_as_many_heads_as_there_is_room_for(elements):
    features = draw_rows(5, 35, 20, seed=0)
    taken = heads.few_heads(features, like=features)
    assert [len(rows) for rows in taken] == {1: [1] * 5, 1400: [2, 2, 1], 10**9: [5]}[elements]
    assert torch.equal(torch.cat(taken), features)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_one_head_at_a_time_in_the_same_memory(dtype):
    rows = draw_rows(3, 7, 5, seed=0, dtype=dtype).transpose(1, 2)
    seen, accumulated_in = [], torch.float64 if dtype == torch.float64 else torch.float32
    for head, expected in zip(heads.each_head(rows), rows, strict=True):
        assert head.dtype == accumulated_in
        assert torch.equal(head, expected.to(accumulated_in))
        seen.append(head.data_ptr())
    assert len(set(seen)) == (3 if dtype == accumulated_in else 1)
    assert torch.equal(rows, draw_rows(3, 7, 5, seed=0, dtype=dtype).transpose(1, 2)), "heads were changed"


@pytest.mark.usefixtures("elements")
@pytest.mark.parametrize("score", ["chi", "fisher", "dbi", "silhouette"])
def test_scores_are_each_heads_own(score):
    features = draw_rows(5, 35, 20, seed=1)
    scores = frame_separation(features, frames=5, score=score, backend="reference")
    alone = [frame_separation(head[None], frames=5, score=score, backend="reference") for head in features]
    torch.testing.assert_close(scores, torch.cat(alone), rtol=1e-6, atol=0)


@pytest.mark.usefixtures("elements")
def test_attention_is_each_heads_own():
    case = [draw_rows(5, size, 20, seed=seed) for seed, size in enumerate((3, 3, 3, 35, 35))]
    multiplicity = draw_multiplicity(3, padding=30)
    output = concept_attention(*case, multiplicity=multiplicity, backend="reference")
    alone = [
        concept_attention(*(rows[head, None] for rows in case), multiplicity=multiplicity, backend="reference")
        for head in range(5)
    ]
    torch.testing.assert_close(output, torch.cat(alone), rtol=1e-6, atol=1e-7)

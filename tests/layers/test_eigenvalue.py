"""λ₂ against a dense eigen-solver, and how it is found."""

import numpy as np
import pytest
import torch

from imap_fast.layers import eigenvalue
from imap_fast.layers.eigenvalue import second_eigenvalues


def dense(query, key, mask=None):
    """The second largest modulus of each head's eigenvalues, of the matrix itself."""
    scores = query.double() @ key.double().mT / query.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return np.sort(np.abs(np.linalg.eigvals(scores.softmax(-1).numpy())))[..., -2]


def logits(scores):
    """Queries and keys, as wide as there are tokens, whose scaled products are `scores`, `[…, N, N]`."""
    tokens = scores.shape[-1]
    return scores * tokens**0.5, torch.eye(tokens).expand_as(scores).contiguous()


def random(tokens, width, scale, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(2, 3, 2, tokens, width, generator=generator)).unbind(2)


def groups(tokens, count, leak):
    """Tokens that attend to their own group, and `leak` times as much to others."""
    group = torch.arange(tokens) % count
    generator = torch.Generator().manual_seed(1)
    inside = (group[:, None] == group).float() + leak
    return logits((inside * (0.5 + torch.rand(1, 2, tokens, tokens, generator=generator))).log())


def circle(tokens, step):
    """Tokens that attend to those `step` further on a circle: eigenvalues in complex pairs, of modulus near 1."""
    offset = (torch.arange(tokens) - torch.arange(tokens)[:, None] - step) % tokens
    distance = torch.minimum(offset, tokens - offset).float()
    return logits(-(distance**2)[None, None] / 2)


CASES = {
    "alike": lambda: random(40, 8, 0.0),
    "spread": lambda: random(120, 16, 1.0),
    "sharp": lambda: random(150, 16, 3.0, seed=2),
    "few": lambda: random(5, 8, 2.0, seed=3),
    "two": lambda: random(2, 8, 2.0, seed=4),
    "groups": lambda: groups(90, 3, 1e-3),
    "groups-apart": lambda: groups(60, 4, 1e-30),
    "circle": lambda: circle(64, 5),
    "backwards": lambda: circle(50, 25),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_it_agrees_with_a_dense_solver(case):
    query, key = CASES[case]()
    found = second_eigenvalues(query, key)
    assert found.shape == query.shape[:2]
    assert np.abs(found.numpy() - dense(query, key)).max() < 1e-3


def test_the_cases_are_what_they_are_called():
    near_one, pairs, negative = (
        np.linalg.eigvals((q @ k.mT / q.shape[-1] ** 0.5).double().softmax(-1).numpy()[0, 0])
        for q, k in (CASES[name]() for name in ("groups", "circle", "backwards"))
    )
    assert 0.99 < np.sort(np.abs(near_one))[-2] < 1
    second = pairs[np.argsort(np.abs(pairs))[-2]]
    assert abs(second) > 0.9
    assert abs(second.imag) > 0.1
    assert negative[np.argsort(np.abs(negative))[-2]].real < -0.5


def test_half_precision_is_taken_as_it_is():
    query, key = (rows.bfloat16() for rows in random(60, 16, 2.0))
    assert np.abs(second_eigenvalues(query, key).numpy() - dense(query, key)).max() < 1e-3


def test_it_says_what_it_did_not_find(monkeypatch, caplog):
    monkeypatch.setattr(eigenvalue, "PRODUCTS", 3)
    second_eigenvalues(*CASES["circle"]())
    assert "after 3 products" in caplog.text


@pytest.mark.parametrize(
    ("queries", "keys", "told"), [(1, 1, "1 queries and 1 keys"), (6, 5, "6 queries and 5 keys"), (6, 6, "not finite")]
)
def test_what_has_no_second_eigenvalue(queries, keys, told):
    query, key = torch.full((1, 2, queries, 4), torch.nan), torch.ones(1, 2, keys, 4)
    with pytest.raises(ValueError, match=told):
        second_eigenvalues(query, key)

"""The attention calls that are observed in a forward pass: which ones, their sizes and their memory."""

import pytest
import torch
import torch.nn.functional as F

from imap_fast.layers.attention import observed_attention
from imap_fast.layers.eigenvalue import second_eigenvalues
from imap_fast.models.registry import adapter_for
from tests.layers.test_eigenvalue import dense
from tests.tracing.test_memory import FRAMES, HEADS, HEIGHT, TEXT, TOKENS, WIDTH, Watch


def rows(architecture):
    """Tokens that attend to each other: in Wan the visual ones."""
    return TOKENS if architecture.prompt_only else TOKENS + TEXT


@pytest.fixture
def model(architecture):
    return architecture.transformer(num_attention_heads=HEADS)


@pytest.fixture
def inputs(architecture):
    return architecture.draw(text=TEXT, latents=(FRAMES, 2 * HEIGHT, 2 * WIDTH))


def test_each_layer_is_shown_once_and_the_output_is_the_same(architecture, model, inputs):
    calls = []
    with torch.no_grad():
        before = model(**inputs).sample
        with observed_attention(adapter_for(model), lambda layer, query, key, **_: calls.append((layer, query, key))):
            during = model(**inputs).sample
    assert torch.equal(before, during)
    assert [layer for layer, _, _ in calls] == [0, 1, 2]
    assert {tuple(q.shape[:3]) for _, q, _ in calls} == {tuple(k.shape[:3]) for _, _, k in calls}
    assert tuple(calls[0][1].shape[:3]) == (1, HEADS, rows(architecture))
    assert not any(block._forward_pre_hooks for block in getattr(model, architecture.blocks))


def test_they_are_the_queries_and_keys_that_make_the_output(architecture, model, inputs, monkeypatch):
    """The first three calls over these rows are those of the layers. HunyuanVideo has more blocks after them."""
    observed, called, stock = [], [], F.scaled_dot_product_attention
    with (
        torch.no_grad(),
        observed_attention(adapter_for(model), lambda *call, **options: observed.append((call, options))),
    ):
        model(**inputs)

    def call(query, key, value, attn_mask=None, **options):
        called.append((query, key, attn_mask))
        return stock(query, key, value, attn_mask=attn_mask, **options)

    monkeypatch.setattr(F, "scaled_dot_product_attention", call)
    with torch.no_grad():
        model(**inputs)
    own = [call for call in called if call[0].shape[2] == call[1].shape[2] == rows(architecture)]
    for ((_, query, key), options), (own_query, own_key, mask) in zip(observed, own[:3], strict=True):
        assert torch.equal(query, own_query)
        assert torch.equal(key, own_key)
        assert (mask is None) == (options["attn_mask"] is None)
        assert mask is None or torch.equal(mask, options["attn_mask"])


def test_its_second_eigenvalue_is_that_of_the_matrix(architecture):
    model, found = architecture.transformer(), []

    def observe(layer, query, key, attn_mask, **options):
        found.append((second_eigenvalues(query, key, attn_mask=attn_mask, **options), dense(query, key, attn_mask)))

    with torch.no_grad(), observed_attention(adapter_for(model), observe):
        model(**architecture.draw(batch=2, padding=7))
    assert len(found) == 3
    for iterated, solved in found:
        assert abs(iterated.numpy() - solved).max() < 1e-3


@pytest.mark.slow
def test_no_tokens_by_tokens_tensor_comes_into_being(model, inputs):
    found = []
    with torch.no_grad(), Watch() as watch:
        with observed_attention(
            adapter_for(model), lambda _, *call, **options: found.append(second_eigenvalues(*call, **options))
        ):
            model(**inputs)
    assert len(found) == 3
    assert [tensor for tensor in watch.found if not tensor.startswith("heads")] == []


@pytest.mark.slow
def test_the_watch_would_find_it(model, inputs, monkeypatch):
    monkeypatch.setattr("imap_fast.layers.eigenvalue.F.pad", lambda vector, padding: vector)
    with (
        torch.no_grad(),
        Watch() as watch,
        observed_attention(adapter_for(model), lambda _, *call, **o: second_eigenvalues(*call, **o)),
    ):
        model(**inputs)
    assert any(tensor.startswith(("tokens ×", "rows ×")) for tensor in watch.found)

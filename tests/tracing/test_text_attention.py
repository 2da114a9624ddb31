"""How much concepts attend to each other, against a softmax over all rows of the layer in fp64."""

from __future__ import annotations

import importlib

import pytest
import torch
from torch import Tensor

import imap_fast
from imap_fast import SaliencyMaps
from imap_fast.models.joint_attention import JointAttention
from tests.architectures import ARCHITECTURES, TEXT, Architecture
from tests.assertions import assert_close
from tests.pipelines import generate

JOINT = ("cogvideox", "hunyuan_video")
MAPS = ("gramcol", "text_attention")


@pytest.fixture(params=JOINT)
def joint(request) -> Architecture:
    return ARCHITECTURES[request.param]


def traced(architecture: Architecture, **changed: object) -> SaliencyMaps:
    transformer, inputs = architecture.transformer(), architecture.draw(batch=2)
    arguments = {"layers": [0, 2], "top_k": 2, "maps": MAPS, **changed}
    concepts = None if arguments.get("match") == "prompt" else architecture.concepts()
    with torch.no_grad(), imap_fast.trace(transformer, concepts, **arguments) as tracer:
        for step in range(2):
            transformer(**{**inputs, "hidden_states": inputs["hidden_states"] + step})
    return tracer.maps


def observed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, Tensor, Tensor, Tensor, Tensor | None, slice, slice]]:
    """What each layer attends with: its index, q, k and v of all rows, the mask, and where text and visual rows are."""
    seen, read_layer = [], JointAttention.read_layer

    def observe(self, query, key, value, output, *, text, visual, mask=None) -> None:
        seen.append((self.layer, query, key, mask, text, visual))
        read_layer(self, query, key, value, output, text=text, visual=visual, mask=mask)

    monkeypatch.setattr(JointAttention, "read_layer", observe)
    return seen


def test_rows_of_the_prompt(joint: Architecture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The very softmax of the model, masks included."""
    seen = observed(monkeypatch)
    maps = traced(joint, match="prompt")
    expected: list[Tensor] = []
    for layer, query, key, mask, text, _ in seen:
        if layer in (0, 2):
            scores = query.double() @ key.double().mT * query.shape[-1] ** -0.5
            if mask is not None:
                scores = scores.masked_fill(~mask, -torch.inf)
            expected.append(scores.softmax(-1)[:, :, text][..., text].mean(1))
    assert len(expected) == 4
    assert maps.text_attention.shape == (2, TEXT, TEXT)
    assert_close(maps.text_attention, sum(expected) / 4, 1e-5)
    if joint is ARCHITECTURES["hunyuan_video"]:
        assert maps.text_attention[:, :, -5:].abs().max() == 0, "a masked row is attended to"


def test_rows_of_concepts(joint: Architecture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Concepts attend to all concepts, all copies of the padding, and all visual rows."""
    seen, streams = observed(monkeypatch), []
    name = next(name for name in JOINT if joint is ARCHITECTURES[name])
    owner = importlib.import_module(f"imap_fast.models.{name}").TappedAttention
    advance = owner.concepts_to_qkv

    def observe(self, rows, attends):
        found = advance(self, rows, attends)
        streams.append((self.layer, found[0], self.tap.stream.multiplicity))
        return found

    monkeypatch.setattr(owner, "concepts_to_qkv", observe)
    maps = traced(joint)
    expected = []
    for (layer, _, key, _, _, visual), (_, (q, k, _), counts) in zip(seen, streams, strict=True):
        if layer in (0, 2):
            copies = counts.long()
            keys = torch.cat([k.double().repeat_interleave(copies, 2), key[:, :, visual].double()], 2)
            weights = (q.double() @ keys.mT * q.shape[-1] ** -0.5).softmax(-1)
            expected.append(weights[:, :, :3, :3].mean(1))
    assert maps.text_attention.shape == (2, 3, 3)
    assert_close(maps.text_attention, sum(expected) / 4, 1e-5)
    assert (maps.text_attention.sum(-1) < 1).all()


def test_words_of_several_tokens(joint: Architecture) -> None:
    pipe = joint.pipeline()

    def run(concepts: list[str] | None) -> SaliencyMaps:
        arguments = {"match": "prompt", "layers": [0, 2], "top_k": 2, "maps": MAPS}
        with imap_fast.trace(pipe, concepts, **arguments) as tracer:
            generate(pipe)
        return tracer.maps

    words, tokens = run(["red cat", "grass"]), run(None)
    of = [[tokens.labels.index(label) for label in tokens.labels if word in label.lower()] for word in ("red", "cat")]
    both, grass = [*of[0], *of[1]], [i for i, label in enumerate(tokens.labels) if "grass" in label]
    assert (len(both), len(grass)) == (2, 1), tokens.labels
    found, each = words.text_attention, tokens.text_attention
    assert_close(found[0, 1], each[both][:, grass].mean(0).sum(), 1e-6)
    assert_close(found[1, 0], each[grass][:, both].sum(), 1e-6)
    assert_close(found[0, 0], each[both][:, both].sum(1).mean(), 1e-6)


def test_the_maps_are_the_same_bits(joint: Architecture) -> None:
    for match in ("concepts", "prompt"):
        with_it, without = traced(joint, match=match), traced(joint, match=match, maps=["gramcol"])
        assert torch.equal(with_it.gramcol, without.gramcol)
        assert with_it.settings["text_attention"] is True
        assert "text_attention" not in without.settings


def test_it_is_not_made_unasked() -> None:
    maps = traced(ARCHITECTURES["cogvideox"], maps=["gramcol"])
    with pytest.raises(AttributeError, match="these maps hold no text_attention; trace with maps="):
        _ = maps.text_attention


def test_where_it_is_impossible() -> None:
    wan, joint = ARCHITECTURES["wan"], ARCHITECTURES["cogvideox"]
    with pytest.raises(ValueError, match='"text_attention" is not possible: the text rows of WanTransformer3DModel do'):
        imap_fast.trace(wan.transformer(), None, match="prompt", maps=MAPS)
    with pytest.raises(ValueError, match="text_attention is no map of patches; name one of imap, gramcol"):
        imap_fast.trace(joint.transformer(), joint.concepts(), maps=["text_attention"])

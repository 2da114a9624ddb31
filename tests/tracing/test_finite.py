"""Values that are not finite never become maps: the error names the layer and the step that held them first."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import imap_fast
from tests.architectures import ARCHITECTURES, Architecture

READ = [0, 2]


def projections(architecture: Architecture, transformer: nn.Module, layer: int) -> dict[str, nn.Module]:
    """The modules whose results are read: projections of the visual tokens, and of the text."""
    block = getattr(transformer, architecture.blocks)[layer]
    attention = getattr(block, architecture.attention)
    names = ("to_q", "to_k", "to_v", "add_q_proj", "add_k_proj", "add_v_proj")
    return {name: module for name, module in attention.named_children() if name in names}


def poison(module: nn.Module, value: float, at: int) -> None:
    """Let a module give one wrong value from its call number `at` on."""
    calls: list[None] = []

    def replaced(module: nn.Module, args: tuple, output: torch.Tensor) -> torch.Tensor:
        calls.append(None)
        if len(calls) > at:
            output = output.clone()
            output.view(-1)[-1] = value
        return output

    module.register_forward_hook(replaced)


@pytest.mark.parametrize("surrogates", ["argmax", "clip"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("layer", "found"), [(0, 0), (1, 2), (2, 2)])
def test_the_first_layer_and_step_are_named(
    architecture: Architecture, layer: int, found: int, value: float, surrogates: str
) -> None:
    names = projections(architecture, architecture.transformer(), layer)
    for name in names:
        transformer, inputs = architecture.transformer(), architecture.draw()
        arguments = {**architecture.arguments, "layers": READ, "surrogates": surrogates}
        with torch.no_grad(), imap_fast.trace(transformer, architecture.concepts(), **arguments) as tracer:
            transformer(**inputs)
            poison(projections(architecture, transformer, layer)[name], value, at=0)
            for _ in range(2):
                transformer(**inputs)
        with pytest.raises(ValueError, match=rf"block {found} held NaN or an infinity in step 1,.*bfloat16"):
            tracer.maps  # noqa: B018


def test_what_is_not_read_may_hold_anything(architecture: Architecture) -> None:
    transformer, inputs = architecture.transformer(), architecture.draw(batch=2)
    inputs["hidden_states"][0] = math.nan  # unconditional
    arguments = {**architecture.arguments, "layers": [0, 1], "guided": True}
    for module in projections(architecture, transformer, 2).values():
        poison(module, math.nan, at=0)
    with torch.no_grad(), imap_fast.trace(transformer, architecture.concepts(), **arguments) as tracer:
        transformer(**inputs)
    assert tracer.maps.imap.isfinite().all()


def test_damaged_weights_and_latents_are_found(architecture: Architecture) -> None:
    for damage in ("weights", "latents"):
        transformer, inputs = architecture.transformer(), architecture.draw()
        with torch.no_grad():
            if damage == "latents":
                inputs["hidden_states"].flatten(0, 1)[0, 0, 0, 0] = math.inf
            else:
                projections(architecture, transformer, 0)["to_k"].weight[0, 0] = math.nan
            with imap_fast.trace(transformer, architecture.concepts(), **architecture.arguments) as tracer:
                transformer(**inputs)
        with pytest.raises(ValueError, match="block 0 held NaN or an infinity in step 0"):
            tracer.maps  # noqa: B018


def test_a_reset_forgets_what_was_not_finite(architecture: Architecture) -> None:
    transformer, inputs = architecture.transformer(), architecture.draw()
    bad = {**inputs, "hidden_states": inputs["hidden_states"] * math.nan}
    with torch.no_grad(), imap_fast.trace(transformer, architecture.concepts(), **architecture.arguments) as tracer:
        transformer(**bad)
        tracer.reset()
        transformer(**inputs)
    assert tracer.maps.imap.isfinite().all()


def test_sums_that_overflow_are_refused() -> None:
    """Each value is finite, but the maps are not."""
    architecture = ARCHITECTURES["cogvideox"]
    transformer, inputs = architecture.transformer(), architecture.draw()
    for name, module in projections(architecture, transformer, 0).items():
        if name == "to_v":
            module.register_forward_hook(lambda module, args, output: output * 1e25)
    with torch.no_grad(), imap_fast.trace(transformer, architecture.concepts(), layers=[0], top_k=2) as tracer:
        transformer(**inputs)
    with pytest.raises(ValueError, match="too large for sums in fp32"):
        tracer.maps  # noqa: B018


def test_concepts_that_are_not_finite_are_named(pipeline) -> None:
    norm = pipeline.text_encoder.encoder.final_layer_norm
    norm.register_forward_hook(lambda module, args, output: torch.cat([output[:1], output[1:] * math.nan]))
    with pytest.raises(ValueError, match=r"the embedding of 'grass' holds NaN"):
        with imap_fast.trace(pipeline, ["cat", "grass"], layers=[1], top_k=2, pooling="mean"):
            pass
    concepts = torch.randn(2, 32)
    concepts[1, 3] = math.inf
    with pytest.raises(ValueError, match=r"the embedding of 'dog' holds NaN or an infinity"):
        with imap_fast.trace(pipeline.transformer, concepts, labels=["cat", "dog"], layers=[1], top_k=2):
            pass


def test_one_frame_has_finite_maps(architecture: Architecture) -> None:
    transformer, inputs = architecture.transformer(), architecture.draw(latents=(1, 4, 6))
    for score in ("chi", "fisher", "dbi", "silhouette"):
        arguments = {**architecture.arguments, "head_score": score}
        with torch.no_grad(), imap_fast.trace(transformer, architecture.concepts(), **arguments) as tracer:
            transformer(**inputs)
        assert tracer.maps.imap.isfinite().all()

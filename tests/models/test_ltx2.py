"""LTX-2: further passes of a step, and words behind padding that the connectors move."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.pipelines.ltx2 import connectors
from torch import nn

import imap_fast
from tests.architectures import ARCHITECTURES
from tests.explaining.test_explain import clip
from tests.pipelines import generate
from tests.tiny_ltx2 import PIPELINES, PLAIN, SIZES, tiny_pipeline
from tests.tiny_size import FRAMES

READ: dict[str, Any] = {"layers": [0, 2], "top_k": 2, "match": "prompt"}


def traced(pipeline: Any, prompt: str = "a red cat", **call: Any) -> Any:
    with imap_fast.trace(pipeline, ["red"], **READ) as tracer:
        generate(pipeline, prompt, **{**PLAIN, "num_inference_steps": 2, "guidance_scale": 1.0, **call})
    return tracer


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_perturbed_passes_and_passes_without_audio_are_not_read(guidance: float) -> None:
    pipeline = tiny_pipeline()
    ran: list[None] = []
    pipeline.transformer.register_forward_hook(lambda *_: ran.append(None))
    further = {"stg_scale": 1.0, "spatio_temporal_guidance_blocks": [0, 1], "modality_scale": 3.0}
    with_further = traced(pipeline, guidance_scale=guidance, num_inference_steps=1, **further)
    assert len(ran) == 3
    alone = traced(pipeline, guidance_scale=guidance, num_inference_steps=1)
    assert torch.equal(with_further.maps.imap, alone.maps.imap)
    assert traced(pipeline, guidance_scale=guidance, **further).maps.steps == (0, 1)


@pytest.mark.parametrize("kind", PIPELINES)
def test_a_word_has_the_row_to_which_the_connectors_move_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another last word changes one row, where no row sees another: the encoder is causal. Space before it is cut."""
    _, make, call = PIPELINES[kind]
    pipeline = make()
    pipeline.connectors.video_connector.transformer_blocks = nn.ModuleList()
    monkeypatch.setattr(
        connectors, "per_layer_masked_mean_norm", lambda text_hidden_states, **_: text_hidden_states.flatten(2, 3)
    )
    rows: list[torch.Tensor] = []
    pipeline.transformer.register_forward_pre_hook(
        lambda _, args, given: rows.append(given["encoder_hidden_states"][-1]), with_kwargs=True
    )
    places = []
    for prompt, word in (("\n\n a red cat", "cat"), ("\n\n a red dog", "dog")):
        with imap_fast.trace(pipeline, [word], **READ) as tracer:
            generate(pipeline, prompt, **{**call, "num_inference_steps": 1, "guidance_scale": 1.0})
        places.append(tracer.concepts.tokens)
    assert places[0] == places[1]
    changed = (rows[0] != rows[1]).any(-1).nonzero().flatten().tolist()
    assert changed == list(places[0][0])


def test_a_real_video_does_not_see_the_audio() -> None:
    pipeline, arguments = tiny_pipeline(), {**READ, **SIZES, "maps": ["imap"], "window": FRAMES}
    video = clip(**SIZES)
    expected = imap_fast.explain(pipeline, video, "a red cat", ["red"], **arguments)
    nn.init.normal_(pipeline.transformer.audio_proj_in.bias)
    assert torch.equal(imap_fast.explain(pipeline, video, "a red cat", ["red"], **arguments).imap, expected.imap)


def test_a_perturbed_pass_of_a_users_loop_is_refused() -> None:
    transformer, inputs = ARCHITECTURES["ltx2"].transformer(), ARCHITECTURES["ltx2"].draw()
    with pytest.raises(ValueError, match=r"attention is perturbed in spatio_temporal_guidance_blocks=\[1\], so"):
        with torch.no_grad(), imap_fast.trace(transformer, **READ):
            transformer(**inputs, spatio_temporal_guidance_blocks=[1])


def test_connectors_without_registers_are_refused() -> None:
    pipeline = tiny_pipeline()
    pipeline.connectors.register_to_config(video_connector_num_learnable_registers=None)
    with pytest.raises(ValueError, match="the connectors of the pipeline have no registers"):
        traced(pipeline)

"""HunyuanVideo 1.5: its guider, and the text rows of glyphs and images beside the prompt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

import imap_fast
from imap_fast.models.registry import adapter_for
from tests.assertions import assert_close
from tests.oracle.maps import oracle_maps
from tests.pipelines import PROMPT, generate
from tests.tiny_hunyuan_video_15 import ARCHITECTURES, CALL, GLYPHS, IMAGE, prompt_rows, tiny_pipeline
from tests.tracing.test_text_attention import observed

READ: dict[str, Any] = {"layers": [0, 2], "top_k": 2}


def traced(pipeline: Any, prompt: str = PROMPT, words: list[str] | None = None, **given: Any) -> imap_fast.SaliencyMaps:
    with imap_fast.trace(pipeline, words or ["cat", "running"], **READ, **given) as tracer:
        # Its VAE decodes one video at a time.
        generate(pipeline, prompt, output_type="latent", **CALL)
    return tracer.maps


def test_only_the_conditional_pass_of_the_guider_is_read() -> None:
    guided, alone = tiny_pipeline(guidance=6.0), tiny_pipeline()
    ran: list[None] = []
    guided.transformer.register_forward_hook(lambda *_: ran.append(None))
    maps = traced(guided)
    assert (len(ran), maps.steps) == (6, (0, 1, 2))
    # Guidance changes the latents, so that only the first step sees the same ones without it.
    assert torch.equal(traced(guided, steps=[0]).imap, traced(alone, steps=[0]).imap)


def test_a_word_behind_glyphs_has_the_map_of_its_own_rows() -> None:
    """The rows of a prompt come behind those of its glyphs: the key of a word is that of its token."""
    pipeline, prompt = tiny_pipeline(), 'a "red" cat on grass'
    keys: list[torch.Tensor] = []
    block = pipeline.transformer.transformer_blocks[0]
    block.attn.add_k_proj.register_forward_hook(lambda _, args, output: keys.append(output))
    reads = []
    tracer = imap_fast.trace(pipeline, ["cat", "grass"], match="prompt", layers=[0], top_k=2)
    with tracer:
        read = tracer.tap._reader
        tracer.tap._reader = lambda layer: (reads.append(layer.text.key), read(layer))
        generate(pipeline, prompt, num_inference_steps=1, **CALL)
    glyphs = len(pipeline.tokenizer_2('Text "red". ').input_ids)
    (cat,), (grass,) = tracer.concepts.tokens
    projected = block.attn.norm_added_k(keys[-1].unflatten(2, (4, -1)))[0]
    for token in (cat, grass):
        assert torch.equal(reads[-1][:, token], projected[glyphs + token])


def test_text_attends_to_glyphs_and_images_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What words attend to each other is a share of all that they attend to, against a softmax over all rows."""
    architecture, seen = ARCHITECTURES["hunyuan_video_15"], observed(monkeypatch)
    transformer, inputs = architecture.transformer(), architecture.draw(batch=2)
    arguments = {**READ, "maps": ["gramcol", "text_attention"], "match": "prompt"}
    with torch.no_grad(), imap_fast.trace(transformer, None, **arguments) as tracer:
        transformer(**inputs)
    for video in range(2):
        own = int(inputs["encoder_attention_mask"][video].sum())
        words = prompt_rows(inputs, video)[:own]
        shares = []
        for layer, query, key, mask, text, _ in seen:
            if layer in READ["layers"]:
                scores = query[video].double() @ key[video].double().mT * query.shape[-1] ** -0.5
                chances = scores.masked_fill(~mask[video, 0], -torch.inf).softmax(-1)[:, text, text].mean(0)
                shares.append(chances[words][:, words])
        assert_close(tracer.maps.text_attention[video, :own, :own], sum(shares) / 2, 1e-5)
        assert tracer.maps.text_attention[video, :, own:].abs().max() == 0, "padding is attended to"


def test_a_concept_is_embedded_behind_the_template() -> None:
    adapter = adapter_for(tiny_pipeline())
    states, *_ = adapter.pipeline.encode_prompt("red cat")
    assert_close(adapter.embed_concepts(("red cat",), "first"), states[:, 0], 1e-5)
    # A causal encoder: a first token knows what stands before it, and nothing of what comes behind.
    red_cat, red_dog, cat = adapter.embed_concepts(("red cat", "red dog", "cat"), "first")
    assert_close(red_cat, red_dog, 1e-6)
    assert not torch.allclose(red_cat, cat, atol=1e-2)
    mean = adapter.embed_concepts(("red cat", "red dog"), "mean")
    assert not torch.allclose(mean[0], mean[1], atol=1e-2)


def test_without_an_image_its_rows_are_behind_the_prompt() -> None:
    """They are left out by the mask, and are not equal to the padding of the prompt."""
    architecture = ARCHITECTURES["hunyuan_video_15"]
    transformer, inputs = architecture.transformer(), architecture.draw()
    inputs["image_embeds"] = torch.zeros_like(inputs["image_embeds"])
    own, glyphs = (int(inputs[name].sum()) for name in ("encoder_attention_mask", "encoder_attention_mask_2"))
    text = inputs["encoder_hidden_states"].shape[1]
    rows = torch.cat([torch.arange(glyphs, glyphs + own), IMAGE + GLYPHS + torch.arange(own, text)])
    read = {"layers": (0, 1, 2), "top_k": 2}
    expected = oracle_maps(
        replace(architecture, prompt_rows=lambda *_: rows), transformer, inputs, grid=(3, 2, 3), **read
    )
    with torch.no_grad(), imap_fast.trace(transformer, None, match="prompt", **read) as tracer:
        transformer(**inputs)
    assert_close(tracer.maps.gramcol, expected["gramcol"][: len(tracer.maps.gramcol)], 1e-4)

"""EasyAnimate: both kinds of its blocks, its guidance, and what its tokenizer and VAE leave behind."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import imap_fast
from imap_fast.models.easyanimate import Adapter
from imap_fast.models.registry import adapter_for
from tests.assertions import assert_close
from tests.explaining.test_explain import clip
from tests.oracle.maps import oracle_maps
from tests.pipelines import PROMPT, generate
from tests.tiny_easyanimate import ARCHITECTURES, CALL, tiny_pipeline
from tests.tiny_size import HEIGHT, WIDTH

READ: dict[str, Any] = {"layers": (0, 1, 2), "top_k": 2}


@pytest.mark.parametrize(
    "config", [{"mmdit_layers": 3}, {"mmdit_layers": 0}, {"after_norm": True}, {"add_norm_text_encoder": False}]
)
def test_every_kind_of_block_is_read(config: dict[str, Any]) -> None:
    architecture = ARCHITECTURES["easyanimate"]
    transformer, inputs = architecture.transformer(**config), architecture.draw()
    concepts, names = architecture.concepts(), architecture.maps
    with torch.no_grad(), imap_fast.trace(transformer, concepts, maps=names, **READ) as tracer:
        transformer(**inputs)
    expected = oracle_maps(architecture, transformer, inputs, grid=(3, 2, 3), concepts=concepts, **READ)
    for name in names:
        assert_close(getattr(tracer.maps, name), expected[name][: len(concepts)], 1e-4)


def test_videos_of_one_prompt_are_each_guided() -> None:
    """They are called images. A batch has their unconditional passes in front."""
    pipeline, calls = tiny_pipeline(), []

    def begins(_: nn.Module, args: tuple, kwargs: dict) -> None:
        calls.append((args, kwargs))

    hook = pipeline.transformer.register_forward_pre_hook(begins, with_kwargs=True)
    with imap_fast.trace(pipeline, ["cat", "running"], **READ) as tracer:
        generate(pipeline, num_images_per_prompt=2, num_inference_steps=1, **CALL)
    hook.remove()
    ((args, kwargs),) = calls
    assert len(args[0]) == 4
    embeddings = tracer.concepts.embeddings
    with torch.no_grad(), imap_fast.trace(pipeline.transformer, embeddings, guided=True, **READ) as alone:
        pipeline.transformer(*args, **kwargs)
    assert tracer.maps.imap.shape[0] == 2
    assert torch.equal(tracer.maps.imap, alone.maps.imap)


def test_a_batch_of_other_rows_than_videos_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = tiny_pipeline()
    monkeypatch.setattr(Adapter, "guides_in_batch", False)
    with (
        imap_fast.trace(pipeline, ["cat", "running"], **READ),
        pytest.raises(ValueError, match="passes a batch of 2 for 1 videos"),
    ):
        generate(pipeline, **CALL)


@pytest.mark.parametrize("padding_side", ["left", "right"])
def test_a_concept_is_embedded_in_the_template_and_a_word_read_where_it_is(padding_side: str) -> None:
    pipeline = tiny_pipeline()
    pipeline.tokenizer.padding_side = padding_side
    adapter, tokenizer = adapter_for(pipeline), pipeline.tokenizer
    states, *_ = pipeline.encode_prompt(PROMPT, do_classifier_free_guidance=False)
    tokens = adapter.read_prompt(PROMPT, {"max_sequence_length": 256})
    (cat,) = tokens.find("cat")
    chat = [{"role": "user", "content": [{"type": "text", "text": PROMPT}]}]
    ids = tokenizer(tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)).input_ids
    assert tokenizer.decode(ids[cat]).strip() == "cat"
    begin = next(place for place, (start, stop) in enumerate(tokens.spans) if start < stop)
    own = states[0, begin : begin + tokens.length]
    assert_close(adapter.embed_concepts((PROMPT,), "mean")[0], own.mean(0), 1e-5)
    assert_close(adapter.embed_concepts((PROMPT, "a"), "first")[0], own[0], 1e-5)


def test_an_interrupted_encoding_leaves_nothing_in_the_next() -> None:
    """The VAE keeps the last frames of a call between its convolutions."""
    pipeline = tiny_pipeline()
    frames = clip(9, height=HEIGHT, width=WIDTH).frames
    forward = adapter_for(pipeline).video_forward(None, HEIGHT, WIDTH)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with torch.no_grad():
        expected = forward.encode(frames)["latents"]
        hook = pipeline.vae.encoder.mid_block.register_forward_pre_hook(interrupt)
        with pytest.raises(KeyboardInterrupt):
            forward.encode(255 - frames)
        hook.remove()
        assert torch.equal(forward.encode(frames)["latents"], expected)


def test_latents_are_normalized_as_the_pipeline_takes_them_back() -> None:
    pipeline, frames = tiny_pipeline(), clip(9, height=HEIGHT, width=WIDTH).frames
    forward = adapter_for(pipeline).video_forward(None, HEIGHT, WIDTH)
    with torch.no_grad():
        latents = forward.encode(frames)["latents"]
        own = pipeline.vae.encode(forward.encoder.pixels(frames)).latent_dist.mode()
    assert_close(latents / pipeline.vae.config.scaling_factor, own, 1e-6)

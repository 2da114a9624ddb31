"""Kandinsky 5: a pipeline that shows no timestep, makes a list of each prompt, and may attend sparsely."""

from __future__ import annotations

import pytest
import torch

import imap_fast
from tests.architectures import ARCHITECTURES
from tests.explaining.test_explain import clip
from tests.pipelines import PROMPT, generate
from tests.tiny_kandinsky5 import tiny_pipeline
from tests.tiny_size import HEIGHT, WIDTH

READ = {"layers": [0, 2], "top_k": 2, "match": "prompt"}


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_its_passes_are_told_apart_in_every_dtype(dtype: torch.dtype, steps: int) -> None:
    """In half precision, the two passes of a step have timesteps that are two tensors."""
    pipeline = tiny_pipeline().to(dtype)
    for name, module in pipeline.transformer.named_modules():
        if "time_embeddings" in name or "modulation" in name:
            module.float()  # as a loaded checkpoint keeps them
    ran: list[None] = []
    pipeline.transformer.register_forward_hook(lambda *_: ran.append(None))
    for runs in (1, 2):  # the second run begins with the step number of the first one
        with imap_fast.trace(pipeline, ["cat"], runs="mean", **READ) as tracer:
            for _ in range(runs):
                generate(pipeline, guidance_scale=5.0, negative_prompt="a blue dog", num_inference_steps=steps)
        assert tracer.maps.steps == tuple(range(steps))
        assert tracer.maps.settings["prompt"] == PROMPT
    assert len(ran) == 3 * 2 * steps


def test_several_prompts_are_no_prompt_to_follow() -> None:
    pipeline = tiny_pipeline()
    with pytest.raises(ValueError, match="reads one prompt in a run"):
        with imap_fast.trace(pipeline, ["cat"], **READ):
            generate(pipeline, [PROMPT, "a dog"])


def test_sparse_attention_is_refused() -> None:
    """It puts tokens in the order of blocks, so every patch of a map would be another one."""
    architecture = ARCHITECTURES["kandinsky5"]
    transformer = architecture.transformer()
    sparse = {"to_fractal": True, "sta_mask": torch.ones(1), "P": 0.9}
    with torch.no_grad(), imap_fast.trace(transformer, None, **READ):
        with pytest.raises(ValueError, match="sparse attention puts tokens in another order"):
            transformer(**architecture.draw(), sparse_params=sparse)


def test_a_real_video_does_not_pass_a_sparse_checkpoint_densely() -> None:
    sparse = {"attention_type": "nabla", "attention_P": 0.9, "attention_wT": 1, "attention_wW": 1, "attention_wH": 1}
    pipeline = tiny_pipeline(**sparse, attention_add_sta=True, attention_method="topcdf")
    with pytest.raises(ValueError, match="sparse attention puts tokens in another order"):
        imap_fast.explain(pipeline, clip(), PROMPT, ["cat"], height=HEIGHT, width=WIDTH, **READ)


def test_embeddings_are_refused_because_only_the_negative_prompt_is_encoded_beside_them() -> None:
    pipeline = tiny_pipeline()
    qwen, clip_embeds, lengths = pipeline.encode_prompt("a red dog")
    given = {"prompt_embeds_qwen": qwen, "prompt_embeds_clip": clip_embeds, "prompt_cu_seqlens": lengths}
    with (
        imap_fast.trace(pipeline, ["cat"], **READ),
        pytest.raises(ValueError, match="prompt_embeds_qwen are not known"),
    ):
        generate(pipeline, None, negative_prompt="a cat running", guidance_scale=5.0, **given)

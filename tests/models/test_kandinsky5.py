"""Kandinsky 5: a pipeline that shows no timestep, makes a list of each prompt, and may attend sparsely."""

from __future__ import annotations

import pytest
import torch

import imap_fast
from tests.architectures import ARCHITECTURES
from tests.pipelines import PROMPT, generate
from tests.tiny_kandinsky5 import tiny_pipeline

READ = {"layers": [0, 2], "top_k": 2, "match": "prompt"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_its_passes_are_told_apart_in_every_dtype(dtype: torch.dtype) -> None:
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
                generate(pipeline, guidance_scale=5.0, negative_prompt="a blue dog", num_inference_steps=2)
        assert tracer.maps.steps == (0, 1)
        assert tracer.maps.settings["prompt"] == PROMPT
    assert len(ran) == 3 * 2 * 2


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

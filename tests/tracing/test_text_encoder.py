"""The concepts are embedded once, so the models that a trace reads must stay what they are."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from diffusers import DiffusionPipeline
from peft import LoraConfig
from torch import nn

import imap_fast
from tests.explaining.test_fingerprint import OFFLOADS
from tests.tiny import tiny_pipeline
from tests.tracing.test_runs import CONCEPTS, run


@pytest.mark.parametrize("part", ["text_encoder", "tokenizer"])
def test_another_text_encoder_needs_another_trace(part: str, pipeline) -> None:
    """The concepts are embedded already."""
    with imap_fast.trace(pipeline, CONCEPTS, layers=[1], top_k=2):
        run(pipeline)
        setattr(pipeline, part, copy.deepcopy(getattr(pipeline, part)))
        with pytest.raises(RuntimeError, match="text encoder or the tokenizer was replaced"):
            run(pipeline)


def add_lora(pipeline: DiffusionPipeline) -> None:
    pipeline.text_encoder.add_adapter(LoraConfig(r=2, target_modules=["q"], init_lora_weights=False))


def scale_weights(pipeline: DiffusionPipeline) -> None:
    with torch.no_grad():
        next(pipeline.text_encoder.parameters()).mul_(2)


def reload_weights(pipeline: DiffusionPipeline) -> None:
    pipeline.text_encoder.load_state_dict(pipeline.text_encoder.state_dict())


@pytest.mark.parametrize("change", [add_lora, scale_weights, reload_weights])
def test_a_text_encoder_that_changes_needs_another_trace(change: Callable) -> None:
    pipeline = tiny_pipeline()
    with imap_fast.trace(pipeline, CONCEPTS, layers=[1], top_k=2):
        run(pipeline)
        change(pipeline)
        with pytest.raises(RuntimeError, match="text encoder or the tokenizer was replaced or changed inside"):
            run(pipeline)


def test_a_text_encoder_may_move_and_its_adapters_may_rest() -> None:
    pipeline = tiny_pipeline()
    add_lora(pipeline)
    pipeline.text_encoder.disable_adapters()
    with imap_fast.trace(pipeline, CONCEPTS, layers=[1], top_k=2) as tracer:
        run(pipeline)
        before = tracer.maps
        # As memory modes do: other storage behind the same weights, and weights of inference mode.
        for weight in pipeline.text_encoder.parameters():
            weight.data = weight.data.clone()
        with torch.inference_mode():
            run(pipeline)
        assert torch.equal(tracer.maps.imap, before.imap)
        pipeline.text_encoder.enable_adapters()
        with pytest.raises(RuntimeError, match="replaced or changed"):
            run(pipeline)


@pytest.mark.parametrize("mode", OFFLOADS)
def test_offload_that_begins_inside_changes_no_weight(mode: str) -> None:
    pipeline = tiny_pipeline()
    with imap_fast.trace(pipeline, CONCEPTS, layers=[1], top_k=2) as tracer:
        run(pipeline)
        before = tracer.maps
        OFFLOADS[mode](pipeline)
        run(pipeline)
        assert torch.equal(tracer.maps.imap, before.imap)


@pytest.mark.parametrize("part", ["text_encoder", "transformer"])
def test_a_run_that_drops_values_at_random_is_refused(part: str) -> None:
    pipeline = tiny_pipeline()
    getattr(pipeline, part).dropping = nn.Dropout(0.5).eval()
    with imap_fast.trace(pipeline, CONCEPTS, layers=[1], top_k=2):
        run(pipeline)
        getattr(pipeline, part).train()
        with pytest.raises(ValueError, match=f"the {part} is in training mode and drops values at random"):
            run(pipeline)
    traces = {"text_encoder": pipeline, "transformer": pipeline.transformer}
    with pytest.raises(ValueError, match=f"the {part} is in training mode"):
        with imap_fast.trace(traces[part], torch.randn(2, 32), layers=[1], top_k=2):
            pass

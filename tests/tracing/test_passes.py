"""Guidance by two passes, two transformers in one run, and several runs in one trace."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, WanVideoToVideoPipeline
from torch import nn

import imap_fast
from imap_fast.tracing.trace import Tracer
from tests import tiny_consisid, tiny_hunyuan_video, tiny_wan
from tests.architectures import ARCHITECTURES, NEWER, Architecture
from tests.assertions import assert_close
from tests.pipelines import PROMPT, generate
from tests.tiny import RED

CONCEPTS = ["cat", "running", "grass"]
# Architecture, pipeline, a guided call and an unguided one.
GUIDED = {
    "wan": ("wan", tiny_wan.tiny_pipeline, {"guidance_scale": 5.0, "negative_prompt": "a blue dog"}),
    "wan-video": (
        "wan",
        lambda: tiny_wan.tiny_pipeline(WanVideoToVideoPipeline),
        {"guidance_scale": 5.0, "video": [RED] * 9, "num_frames": None, "strength": 1.0},
    ),
    "hunyuan": (
        "hunyuan_video",
        tiny_hunyuan_video.tiny_pipeline,
        {"true_cfg_scale": 3.0, "negative_prompt": "a blue dog"},
    ),
    "hunyuan-image": (
        "hunyuan_video",
        lambda: tiny_hunyuan_video.tiny_image_pipeline(image_condition_type="token_replace"),
        {"true_cfg_scale": 3.0, "negative_prompt": "a blue dog", "image": RED},
    ),
}
for family in NEWER:
    GUIDED |= family.GUIDED
UNGUIDED = {"guidance_scale": 1.0, "true_cfg_scale": 1.0, "negative_prompt": None}


def traced(pipeline, arguments: dict[str, object], **call: object) -> Tracer:
    with imap_fast.trace(pipeline, CONCEPTS, **arguments) as tracer:
        generate(pipeline, **call)
    return tracer


def forwards(transformer: nn.Module) -> list[None]:
    """A list that grows with each forward."""
    ran: list[None] = []
    transformer.register_forward_hook(lambda *_: ran.append(None))
    return ran


@pytest.mark.slow
@pytest.mark.parametrize("kind", GUIDED)
def test_only_the_conditional_pass_is_read(kind: str) -> None:
    name, make, call = GUIDED[kind]
    pipeline, arguments = make(), ARCHITECTURES[name].arguments
    ran = forwards(pipeline.transformer)
    guided = traced(pipeline, arguments, **call).maps
    assert len(ran) == 6
    assert guided.steps == (0, 1, 2)
    assert guided.settings["prompt"] == PROMPT
    # Guidance changes the latents, so that only the first step sees the same ones without it.
    call_alone = {key: UNGUIDED.get(key, value) for key, value in call.items()}
    first = traced(pipeline, {**arguments, "steps": [0]}, **call).maps
    alone = traced(pipeline, {**arguments, "steps": [0]}, **call_alone).maps
    assert len(ran) == 6 + 6 + 3
    assert torch.equal(first.imap, alone.imap)


def test_guidance_that_ends_on_the_way_keeps_the_count_of_steps() -> None:
    pipeline, arguments = tiny_wan.tiny_pipeline(), ARCHITECTURES["wan"].arguments
    ran = forwards(pipeline.transformer)

    def end_guidance(pipeline, step: int, timestep: torch.Tensor, tensors: dict) -> dict:
        pipeline._guidance_scale = 1.0
        return tensors

    assert traced(pipeline, arguments, callback_on_step_end=end_guidance).maps.steps == (0, 1, 2)
    assert len(ran) == 2 + 1 + 1


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", [None, FlowMatchEulerDiscreteScheduler])
def test_two_transformers_are_one_run(scheduler: type | None) -> None:
    pipeline, arguments = tiny_wan.tiny_pipeline(stages=2), ARCHITECTURES["wan"].arguments
    if scheduler is not None:
        pipeline.scheduler = scheduler(shift=3.0)
    ran = forwards(pipeline.transformer), forwards(pipeline.transformer_2)
    untraced = generate(pipeline)
    counts = [len(each) for each in ran]
    assert min(counts) > 0
    assert sum(counts) == 6

    def imap(steps: list[int] | None) -> torch.Tensor:
        with imap_fast.trace(pipeline, CONCEPTS, steps=steps, **arguments) as tracer:
            assert np.array_equal(generate(pipeline), untraced)
        assert tracer.maps.steps == tuple([0, 1, 2] if steps is None else steps)
        return tracer.maps.imap

    each = [imap([step]) for step in range(3)]
    assert all(values.std() > 0 for values in each)
    assert_close(imap(None), sum(each) / 3, 1e-5)


def test_each_run_counts_its_steps_anew_and_has_a_prompt_of_its_own() -> None:
    pipeline, arguments = tiny_hunyuan_video.tiny_pipeline(), ARCHITECTURES["hunyuan_video"].arguments
    with imap_fast.trace(pipeline, CONCEPTS, steps=[2], **arguments) as tracer:
        pipeline.encode_prompt("a blue dog")
        generate(pipeline)
        assert tracer.maps.settings["prompt"] == PROMPT
        once = tracer.maps.imap
        generate(pipeline)
    assert tracer.maps.steps == (2,)
    assert_close(tracer.maps.imap, once, 1e-5)


def test_a_run_after_an_aborted_one_reads_its_first_step() -> None:
    pipeline, arguments = tiny_wan.tiny_pipeline(), ARCHITECTURES["wan"].arguments

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(pipeline, callback_on_step_end=fail)
    assert pipeline.current_timestep is not None
    inputs = ARCHITECTURES["wan"].draw()
    with torch.no_grad(), imap_fast.trace(pipeline, None, guided=False, **arguments) as tracer:
        pipeline.transformer(**inputs)
        pipeline.transformer(**inputs)
    assert tracer.maps.steps == (0, 1)


def test_halves_that_are_not_there_are_not_left_out(architecture: Architecture) -> None:
    pipeline = architecture.pipeline()
    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments, guided=True):
        with pytest.raises(ValueError, match="guided=True, but this run does not guide by the halves of its batch"):
            generate(pipeline, guidance_scale=1.0)


def test_a_pass_outside_of_a_run_is_refused_also_if_the_pipeline_shows_no_timestep() -> None:
    pipeline = tiny_consisid.tiny_pipeline()
    inputs = ARCHITECTURES["consisid"].draw()
    inputs["hidden_states"] = inputs["hidden_states"].repeat(1, 1, 2, 1, 1)
    with pytest.raises(RuntimeError, match="not part of a run of the traced pipeline"):
        with torch.no_grad(), imap_fast.trace(pipeline, CONCEPTS, layers=[1], top_k=2):
            pipeline.transformer(**inputs)
    with torch.no_grad(), imap_fast.trace(pipeline, CONCEPTS, layers=[1], top_k=2):
        generate(pipeline, image=RED)
        with pytest.raises(RuntimeError, match="the text embeddings were changed within a run"):
            pipeline.transformer(**inputs)

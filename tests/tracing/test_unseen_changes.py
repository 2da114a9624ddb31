"""What changes out of sight, within a run or around it, gives no other maps without a word."""

from __future__ import annotations

import pytest
import torch
from diffusers import DiffusionPipeline

import imap_fast
from tests.architectures import ARCHITECTURES, Architecture
from tests.pipelines import PROMPT
from tests.tiny import CALL
from tests.tracing.test_runs import CONCEPTS, OTHER, STEPS, run


@pytest.mark.parametrize("change", ["in inference mode", "through data", "through NumPy"])
def test_a_text_that_is_changed_out_of_sight_is_refused(architecture: Architecture, change: str) -> None:
    def edit(pipeline: DiffusionPipeline, step: int, timestep: object, values: dict) -> dict:
        text = values["prompt_embeds"]
        if change == "in inference mode":
            text.mul_(-1)
        elif change == "through data":
            text.data.mul_(-1)
        else:
            text.numpy()[:] *= -1
        return {}

    pipeline = architecture.pipeline()
    edited = {"callback_on_step_end": edit, "callback_on_step_end_tensor_inputs": ["latents", "prompt_embeds"]}
    with torch.inference_mode(change == "in inference mode"):
        with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments) as tracer:
            run(pipeline, **edited)
        with pytest.raises(RuntimeError, match="the text embeddings were changed within a run"):
            tracer.maps  # noqa: B018


def test_another_transformer_within_a_run_is_refused(architecture: Architecture) -> None:
    pipeline = architecture.pipeline()
    other = architecture.pipeline().transformer

    def exchange(pipeline: DiffusionPipeline, *_: object) -> dict:
        pipeline.transformer = other
        return {}

    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments) as tracer:
        run(pipeline, callback_on_step_end=exchange)
    with pytest.raises(RuntimeError, match="the transformer of the pipeline was replaced"):
        tracer.maps  # noqa: B018


def test_what_the_caller_changes_later_is_recorded_as_it_was() -> None:
    architecture = ARCHITECTURES["cogvideox"]
    pipeline, prompts = architecture.pipeline(), [PROMPT]
    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments) as tracer:
        run(pipeline, prompts)
        prompts[0] = OTHER
    assert tracer.maps.settings["prompt"] == [PROMPT]
    concepts = architecture.concepts()
    found = []
    for factor in (1, -1):
        transformer, inputs = architecture.transformer(), architecture.draw()
        with torch.no_grad(), imap_fast.trace(transformer, concepts, **architecture.arguments) as tracer:
            concepts *= factor
            transformer(**inputs)
        found.append(tracer.maps.imap)
    assert torch.equal(*found)


def test_a_mean_over_other_noise_levels_is_refused() -> None:
    def half(pipeline: DiffusionPipeline) -> None:
        pipeline.scheduler.set_timesteps = lambda steps, **_: stock(2 * steps) or cut()
        run(pipeline)

    architecture = ARCHITECTURES["cogvideox"]
    pipeline = architecture.pipeline()
    stock = pipeline.scheduler.set_timesteps

    def cut() -> None:
        pipeline.scheduler.timesteps = pipeline.scheduler.timesteps[STEPS:]

    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments, runs="mean") as tracer:
        run(pipeline)
        half(pipeline)
    with pytest.raises(RuntimeError, match="same noise levels, but step 0 has the timestep "):
        tracer.maps  # noqa: B018


def test_inputs_that_may_change_after_they_are_read_are_refused(architecture: Architecture) -> None:
    transformer, inputs = architecture.transformer(), architecture.draw()
    transformer.register_forward_pre_hook(lambda module, args, kwargs: None, with_kwargs=True)
    with torch.no_grad(), imap_fast.trace(transformer, architecture.concepts(), **architecture.arguments) as tracer:
        transformer(**inputs)
        hook = transformer.register_forward_pre_hook(lambda module, args, kwargs: None, with_kwargs=True)
        with pytest.raises(RuntimeError, match="a forward pre-hook of the transformer runs after that of the trace"):
            transformer(**inputs)
        hook.remove()
        transformer(**inputs)
    assert tracer.maps.steps == (0, 1)
    pipeline = architecture.pipeline()
    pipeline.transformer.register_forward_pre_hook(lambda module, args: None)
    pipeline.transformer = torch.compile(pipeline.transformer, backend="eager")
    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments):
        with pytest.raises(RuntimeError, match="register it before the trace, and on the compiled module"):
            run(pipeline)


@pytest.mark.parametrize("frames", [13, 9])
def test_latent_frames_of_cogvideox_happen_when_their_video_frames_do(frames: int, pipeline) -> None:
    """Its VAE decodes an even number of latents to four frames each."""
    with imap_fast.trace(pipeline, CONCEPTS, layers=[0], top_k=2) as tracer:
        video = pipeline(PROMPT, **{**CALL, "num_inference_steps": 1, "num_frames": frames}).frames[0]
    times = tracer.maps.frame_times(len(video))
    assert (len(video), times.tolist()) == {13: (16, [1.5, 5.5, 9.5, 13.5]), 9: (9, [0, 2.5, 6.5])}[frames]


@pytest.mark.parametrize("target", ["pipeline", "transformer"])
def test_two_texts_in_a_loop_of_ones_own_are_refused(target: str, architecture: Architecture) -> None:
    """Such as the two passes of a guidance by hand."""
    pipeline, inputs = architecture.pipeline(), architecture.draw()
    negative = {**inputs, "encoder_hidden_states": -inputs["encoder_hidden_states"]}
    traced = {"pipeline": pipeline, "transformer": pipeline.transformer}[target]
    arguments = {**architecture.arguments, "guided": False}
    for steps, is_refused in ((None, True), ([0, 1], True), ([0, 2], False)):
        with torch.no_grad(), imap_fast.trace(traced, architecture.concepts(), steps=steps, **arguments) as tracer:
            for _ in range(2):
                pipeline.transformer(**{**inputs, "encoder_hidden_states": inputs["encoder_hidden_states"].clone()})
                pipeline.transformer(**negative)
        if is_refused:
            with pytest.raises(RuntimeError, match="the text embeddings were changed within a run"):
                tracer.maps  # noqa: B018
        else:
            assert tracer.maps.steps == (0, 2)

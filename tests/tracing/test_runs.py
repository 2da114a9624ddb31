"""A trace holds one run, or the mean of whole runs that were asked for, and it names them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from diffusers import DiffusionPipeline

import imap_fast
from tests import tiny_wan
from tests.architectures import ARCHITECTURES, Architecture
from tests.assertions import assert_close
from tests.pipelines import PIPELINES, PROMPT, generate
from tests.tiny import CALL

CONCEPTS = ["cat", "a"]
OTHER = "a blue dog"
STEPS = 2


def run(pipeline: DiffusionPipeline, prompt: str | list[str] = PROMPT, seed: int = 0, **call: object) -> None:
    generator = torch.Generator().manual_seed(seed)
    call = {**CALL, "num_inference_steps": STEPS, "generator": generator, **call}
    pipeline(prompt=prompt, **call)


def traced(architecture: Architecture, *runs: Callable[[DiffusionPipeline], object], **arguments: object):
    """The maps after some runs in one trace."""
    pipeline = architecture.pipeline()
    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments, **arguments) as tracer:
        for each in runs:
            each(pipeline)
    return tracer.maps


def first(pipeline: DiffusionPipeline) -> None:
    run(pipeline)


def second(pipeline: DiffusionPipeline) -> None:
    run(pipeline, "a cat", seed=7)


def fail(*_: object) -> None:
    raise KeyboardInterrupt


def stopped_between_steps(pipeline: DiffusionPipeline) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(pipeline, callback_on_step_end=fail)


def stopped_within_a_step(pipeline: DiffusionPipeline) -> None:
    blocks = getattr(pipeline.transformer, "blocks", None) or pipeline.transformer.transformer_blocks
    hook = blocks[1].register_forward_hook(fail)
    with pytest.raises(KeyboardInterrupt):
        run(pipeline)
    hook.remove()


def refused(pipeline: DiffusionPipeline) -> None:
    """A run that its pipeline refuses at once."""
    with pytest.raises(ValueError, match="divisible"):
        run(pipeline, height=7)


@pytest.mark.slow
@pytest.mark.parametrize("before", [first, stopped_between_steps, stopped_within_a_step, refused])
def test_the_maps_are_of_the_last_run(architecture: Architecture, before: Callable) -> None:
    alone, after = traced(architecture, second), traced(architecture, before, second)
    assert torch.equal(after.imap, alone.imap)
    assert torch.equal(after.head_scores, alone.head_scores)
    assert after.steps == alone.steps == tuple(range(STEPS))
    assert after.settings == alone.settings
    assert after.settings["runs"] == [{"prompt": "a cat", "seed": 7}]


@pytest.mark.slow
def test_the_mean_of_runs_is_their_mean_and_names_them(architecture: Architecture) -> None:
    pipeline_runs = (first, lambda pipeline: run(pipeline, seed=7))
    both = traced(architecture, *pipeline_runs, runs="mean")
    each = [traced(architecture, one) for one in pipeline_runs]
    assert_close(both.imap, (each[0].imap + each[1].imap) / 2, 1e-5)
    assert both.steps == tuple(range(STEPS))
    assert both.settings["runs"] == [{"prompt": PROMPT, "seed": 0}, {"prompt": PROMPT, "seed": 7}]
    assert both.settings["prompt"] == PROMPT


def test_a_mean_leaves_out_a_run_that_ended_before_its_first_step() -> None:
    architecture = ARCHITECTURES["cogvideox"]

    def ended_early(pipeline: DiffusionPipeline) -> None:
        with pytest.raises(ValueError, match="generators"):
            run(pipeline, OTHER, generator=[torch.Generator(), torch.Generator()])

    both = traced(architecture, first, second, runs="mean")
    for runs in ((ended_early, first, second), (first, ended_early, second), (first, second, ended_early)):
        others = traced(architecture, *runs, runs="mean")
        assert torch.equal(others.imap, both.imap)
        assert others.settings == both.settings


def test_the_mean_over_prompts_names_both() -> None:
    maps = traced(ARCHITECTURES["cogvideox"], first, second, runs="mean")
    assert maps.settings["runs"] == [{"prompt": PROMPT, "seed": 0}, {"prompt": "a cat", "seed": 7}]
    assert maps.settings["prompt"] is None


@pytest.mark.parametrize(
    ("runs", "error"),
    [
        ((stopped_between_steps, first), "run 1 has read 1 of 2"),
        ((first, stopped_between_steps), "run 2 has read 1 of 2 and run 1 2 of 2"),
        ((first, lambda pipeline: run(pipeline, num_inference_steps=3)), "run 2 has read 3 of 3 and run 1 2 of 2"),
        ((stopped_within_a_step, first), "stopped before its end"),
    ],
    ids=["first stopped", "second stopped", "other steps", "within a step"],
)
def test_a_mean_of_unlike_runs_is_refused(runs: tuple[Callable, ...], error: str) -> None:
    with pytest.raises(RuntimeError, match=error):
        traced(ARCHITECTURES["cogvideox"], *runs, runs="mean")


def test_a_run_that_stopped_between_steps_says_which_steps_it_has() -> None:
    assert traced(ARCHITECTURES["cogvideox"], stopped_between_steps).steps == (0,)


def test_a_seed_is_named_only_if_it_gives_the_same_run() -> None:
    used = torch.Generator().manual_seed(3)
    torch.rand(1, generator=used)
    several = [torch.Generator().manual_seed(seed) for seed in (4, 5)]

    def seeds(generator: object, prompt: object = PROMPT) -> object:
        maps = traced(ARCHITECTURES["cogvideox"], lambda pipeline: run(pipeline, prompt, generator=generator))
        return maps.settings["runs"][0]["seed"]

    assert seeds(used) is None
    assert seeds(None) is None
    assert seeds(several, [PROMPT, OTHER]) == [4, 5]


@pytest.mark.slow
@pytest.mark.parametrize("kind", PIPELINES)
def test_every_pipeline_gives_its_seed_and_prompt(kind: str) -> None:
    name, make, call = PIPELINES[kind]
    architecture, pipeline = ARCHITECTURES[name], make()
    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments) as tracer:
        generate(pipeline, **call)
    assert tracer.maps.settings["runs"] == [{"prompt": PROMPT, "seed": 0}]


def test_a_prompt_that_is_encoded_afterwards_is_not_that_of_the_maps(pipeline) -> None:
    with imap_fast.trace(pipeline, CONCEPTS, layers=[1], top_k=2) as tracer:
        run(pipeline)
        before = tracer.maps
        pipeline.encode_prompt(OTHER)
        assert tracer.maps.settings == before.settings
        assert torch.equal(tracer.maps.imap, before.imap)


def test_another_prompt_in_a_loop_of_ones_own_needs_a_reset(pipeline) -> None:
    inputs = ARCHITECTURES["cogvideox"].draw()
    with torch.no_grad(), imap_fast.trace(pipeline, CONCEPTS, layers=[1], top_k=2, guided=False) as tracer:
        pipeline.encode_prompt(PROMPT)
        pipeline.transformer(**inputs)
        pipeline.encode_prompt(OTHER)
        with pytest.raises(RuntimeError, match=r"call tracer\.reset"):
            pipeline.transformer(**inputs)
        tracer.reset()
        pipeline.encode_prompt(OTHER)
        pipeline.transformer(**inputs)
        assert tracer.maps.settings["prompt"] == OTHER
        assert tracer.maps.steps == (0,)


def test_another_pipeline_with_the_same_transformer_is_refused(architecture: Architecture) -> None:
    """Its guidance is not known, and its prompt is not that of the trace."""
    pipeline = architecture.pipeline()
    other = type(pipeline)(**pipeline.components)
    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments):
        with pytest.raises(RuntimeError, match="not part of a run of the traced pipeline"):
            run(other)


def test_another_transformer_in_the_pipeline_is_refused(architecture: Architecture) -> None:
    pipeline, other = architecture.pipeline(), architecture.pipeline()
    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments):
        run(pipeline)
        pipeline.transformer = other.transformer
        with pytest.raises(RuntimeError, match="transformer of the pipeline was replaced"):
            run(pipeline)


def test_a_reset_forgets_a_pass_that_stopped(architecture: Architecture) -> None:
    transformer, inputs = architecture.transformer(), architecture.draw()
    block = getattr(transformer, architecture.blocks)[1]

    def maps(stops: bool) -> torch.Tensor:
        with torch.no_grad(), imap_fast.trace(transformer, architecture.concepts(), **architecture.arguments) as tracer:
            if stops:
                hook = block.register_forward_hook(fail)
                with pytest.raises(KeyboardInterrupt):
                    transformer(**inputs)
                hook.remove()
                with pytest.raises(RuntimeError, match=r"call tracer\.reset"):
                    transformer(**inputs)
                tracer.reset()
            transformer(**inputs)
        return tracer.maps.imap

    assert torch.equal(maps(True), maps(False))


def test_latents_that_are_given_have_no_seed(pipeline) -> None:
    with imap_fast.trace(pipeline, CONCEPTS, layers=[1], top_k=2) as tracer:
        run(pipeline, latents=torch.randn(1, 3, 4, 4, 6))
    assert tracer.maps.settings["runs"] == [{"prompt": PROMPT, "seed": None}]


@pytest.mark.parametrize("change", ["replaced", "in place"])
def test_another_text_within_a_run_is_refused(architecture: Architecture, change: str) -> None:
    pipeline = architecture.pipeline()

    def step_ended(pipeline: DiffusionPipeline, step: int, timestep: object, tensors: dict) -> dict:
        text = tensors["prompt_embeds"]
        return {"prompt_embeds": text + 1 if change == "replaced" else text.add_(1)}

    call = {"callback_on_step_end": step_ended, "callback_on_step_end_tensor_inputs": ["prompt_embeds"]}
    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments):
        with pytest.raises(RuntimeError, match="text embeddings were changed within a run"):
            run(pipeline, **call)


def test_a_run_within_a_run_is_refused(architecture: Architecture) -> None:
    pipeline = architecture.pipeline()

    def step_ended(pipeline: DiffusionPipeline, step: int, timestep: object, tensors: dict) -> dict:
        if step == 0 and not inner:
            inner.append(None)
            run(pipeline, "a cat", num_inference_steps=1)
        return tensors

    inner: list[None] = []
    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments):
        with pytest.raises(RuntimeError, match=r"embeddings were changed|goes on after its last|not part of a run"):
            run(pipeline, callback_on_step_end=step_ended)


def test_a_reset_within_a_run_keeps_the_numbers_of_its_steps(architecture: Architecture) -> None:
    pipeline = architecture.pipeline()
    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments) as tracer:

        def step_ended(pipeline: DiffusionPipeline, step: int, timestep: object, tensors: dict) -> dict:
            if step == 0:
                tracer.reset()
            return tensors

        run(pipeline, callback_on_step_end=step_ended, num_inference_steps=3)
    assert tracer.maps.steps == (1, 2)
    assert tracer.maps.settings["runs"] == [{"prompt": PROMPT, "seed": 0}]


def test_passes_after_a_run_that_stopped_are_refused(architecture: Architecture) -> None:
    """The pipeline still has the timestep of that run."""
    pipeline, inputs = architecture.pipeline(), architecture.draw()
    arguments = {**architecture.arguments, "match": "prompt"}
    with torch.no_grad(), imap_fast.trace(pipeline, ["cat"], **arguments):
        stopped_between_steps(pipeline)
        with pytest.raises(RuntimeError, match="not part of a run"):
            passes(pipeline.transformer, inputs)


def passes(transformer: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> None:
    """Two forward passes: the first one could be the unconditional one of the last step."""
    transformer(**inputs)
    transformer(**inputs)


def test_a_method_that_is_set_inside_stays_and_hides_no_run(pipeline) -> None:
    def encode_prompt(*arguments: object, **named: object) -> object:
        return type(pipeline).encode_prompt(pipeline, *arguments, **named)

    with imap_fast.trace(pipeline, CONCEPTS, layers=[1], top_k=2):
        pipeline.encode_prompt = encode_prompt
        with pytest.raises(RuntimeError, match="did not call the encode_prompt"):
            run(pipeline)
    assert pipeline.encode_prompt is encode_prompt
    with imap_fast.trace(pipeline, CONCEPTS, layers=[1], top_k=2) as tracer:
        run(pipeline)
    assert tracer.maps.settings["prompt"] == PROMPT
    assert pipeline.encode_prompt is encode_prompt


@pytest.mark.parametrize("match", ["concepts", "prompt"])
def test_two_prompts_before_a_pass_of_ones_own_are_not_mistaken(match: str, pipeline) -> None:
    inputs = ARCHITECTURES["cogvideox"].draw()
    read = {"layers": [1], "top_k": 2, "guided": False, "match": match}
    with torch.no_grad(), imap_fast.trace(pipeline, ["cat", "grass"], **read) as tracer:
        for prompt in (PROMPT, PROMPT, OTHER):
            pipeline.encode_prompt(prompt)
        if match == "prompt":
            with pytest.raises(RuntimeError, match="another prompt was encoded"):
                pipeline.transformer(**inputs)
        else:
            pipeline.transformer(**inputs)
            assert tracer.maps.settings["prompt"] is None


def test_a_text_of_another_length_than_at_the_start_is_refused(architecture: Architecture) -> None:
    transformer, inputs = architecture.transformer(), architecture.draw()
    stock_forward = transformer.forward
    with torch.no_grad(), imap_fast.trace(transformer, architecture.concepts(), **architecture.arguments):
        transformer.forward = lambda **inputs: stock_forward(**shortened(inputs))
        with pytest.raises(RuntimeError, match="text rows, but the forward pass began with"):
            transformer(**inputs)


def shortened(inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    names = ("encoder_hidden_states", "encoder_attention_mask")
    return {name: value[:, :-1] if name in names else value for name, value in inputs.items()}


def test_sums_go_on_after_inference_mode(architecture: Architecture) -> None:
    transformer, inputs = architecture.transformer(), architecture.draw()
    with imap_fast.trace(transformer, architecture.concepts(), **architecture.arguments) as tracer:
        with torch.inference_mode():
            transformer(**inputs)
        once = tracer.maps.imap
        with torch.no_grad():
            transformer(**inputs)
    assert_close(tracer.maps.imap, once, 1e-6)


def test_another_default_dtype_changes_nothing(architecture: Architecture) -> None:
    transformer, inputs = architecture.transformer(), architecture.draw(padding=4)
    concepts = architecture.concepts()

    def imap() -> torch.Tensor:
        with torch.no_grad(), imap_fast.trace(transformer, concepts, **architecture.arguments) as tracer:
            transformer(**inputs)
        return tracer.maps.imap

    expected = imap()
    torch.set_default_dtype(torch.float64)
    try:
        assert_close(imap(), expected, 1e-6)
    finally:
        torch.set_default_dtype(torch.float32)


def test_embeddings_that_are_edited_out_of_sight_between_runs_are_read_anew() -> None:
    architecture = ARCHITECTURES["wan"]

    def imap(*texts: torch.Tensor) -> torch.Tensor:
        pipeline, text = architecture.pipeline(), texts[0].clone()
        with imap_fast.trace(pipeline, None, **architecture.arguments) as tracer:
            for each in texts:
                text.data.copy_(each)
                run(pipeline, None, prompt_embeds=text, guidance_scale=1.0)
        return tracer.maps.imap

    long, short = torch.randn(1, 24, 32), torch.randn(1, 24, 32)
    short[:, 5:], long[:, 20:] = 0, 0
    assert torch.equal(imap(short, long), imap(long))


def test_one_transformer_for_both_stages_is_read_once() -> None:
    pipeline = tiny_wan.tiny_pipeline(stages=2)
    pipeline.register_modules(transformer_2=pipeline.transformer)
    with imap_fast.trace(pipeline, ["cat"], **ARCHITECTURES["wan"].arguments) as tracer:
        run(pipeline)
    assert tracer.maps.steps == tuple(range(STEPS))

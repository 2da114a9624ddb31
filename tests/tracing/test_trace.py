"""A trace of a pipeline reads what it should, changes nothing, and leaves everything as it was."""

from __future__ import annotations

import copy
import sys

import numpy as np
import pytest
import torch
from diffusers import CogVideoXDPMScheduler
from peft import LoraConfig

import imap_fast
from imap_fast.models.tap import TappedAttention
from imap_fast.tracing.trace import Tracer
from tests.architectures import ARCHITECTURES, Architecture
from tests.assertions import assert_close
from tests.pipelines import PIPELINES, PROMPT, frames_of, generate
from tests.precision import in_fp64
from tests.tiny import tiny_pipeline

CONCEPTS = ["cat", "running", "grass"]
READ = {"layers": [0, 2], "top_k": 2}


def state(pipeline) -> dict[str, object]:
    """Everything a trace might leave behind, object by object."""
    # A run sets attributes of the pipeline by itself, so only which there are is compared.
    found: dict[str, object] = {"pipeline": set(vars(pipeline))}
    for part in ("transformer", "transformer_2"):
        transformer = getattr(pipeline, part, None)
        for name, module in [] if transformer is None else transformer.named_modules():
            found[f"{part}.{name}"] = {
                key: dict(value) if isinstance(value, dict) else value
                for key, value in vars(module).items()
                if key not in ("_parameters", "_buffers")
            }
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", PIPELINES)
def test_every_pipeline_is_read_and_left_as_it_was(kind: str) -> None:
    name, make, call = PIPELINES[kind]
    architecture, pipeline = ARCHITECTURES[name], make()
    untraced, before = generate(pipeline, **call), state(pipeline)
    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments) as tracer:
        traced = generate(pipeline, **call)
        while_traced = tracer.maps
    after = state(pipeline)
    assert np.array_equal(traced, untraced)
    assert after == before
    assert np.array_equal(generate(pipeline, **call), untraced)

    maps = tracer.maps
    assert torch.equal(maps.imap, while_traced.imap)
    latents = (frames_of(call) - 1) // tracer.adapter.temporal_compression + 1
    assert maps.grid == (-(-latents // tracer.adapter.patch_size[0]), 2, 3)
    assert maps.steps == tuple(range(pipeline.num_timesteps))
    assert maps.layers == (0, 2)
    assert maps.labels == tuple(CONCEPTS)
    assert maps.settings["prompt"] == PROMPT
    for name in architecture.maps:
        values = getattr(maps, name)
        assert values.dtype == torch.float32
        assert values.isfinite().all()
        assert values.flatten(1).std(1).min() > 0, f"{name} is flat"


@pytest.mark.slow
def test_an_exception_inside_restores_everything(architecture: Architecture) -> None:
    pipeline = architecture.pipeline()
    untraced, before = generate(pipeline), state(pipeline)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    hook = getattr(pipeline.transformer, architecture.blocks)[1].register_forward_hook(fail)
    with pytest.raises(KeyboardInterrupt), imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments) as tracer:
        generate(pipeline)
    hook.remove()
    assert state(pipeline) == before
    assert np.array_equal(generate(pipeline), untraced)
    with pytest.raises(RuntimeError, match="stopped before its end"):
        tracer.maps  # noqa: B018


def test_a_failing_entry_restores_everything(any_architecture: Architecture, monkeypatch: pytest.MonkeyPatch) -> None:
    architecture, pipeline = any_architecture, any_architecture.pipeline()
    before = state(pipeline)
    failing = imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments)
    monkeypatch.setattr(sys.modules[Tracer.__module__], "observed_calls", None)
    with pytest.raises(TypeError), failing:
        pass
    assert state(pipeline) == before


@pytest.mark.slow
def test_nested_traces_are_refused_and_the_outer_one_goes_on(architecture: Architecture) -> None:
    pipeline = architecture.pipeline()
    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments) as alone:
        generate(pipeline)
    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments) as outer:
        with (
            pytest.raises(RuntimeError, match="already traced"),
            imap_fast.trace(pipeline.transformer, None, match="prompt", **READ),
        ):
            pass
        generate(pipeline)
    assert torch.equal(outer.maps.imap, alone.maps.imap)
    with pytest.raises(RuntimeError, match="already used"), outer:
        pass


def test_a_foreign_attention_processor_is_refused(any_architecture: Architecture) -> None:
    class Foreign:
        def __call__(self, *args: object, **kwargs: object) -> None: ...

    architecture, pipeline = any_architecture, any_architecture.pipeline()
    getattr(getattr(pipeline.transformer, architecture.blocks)[2], architecture.attention).processor = Foreign()
    before = state(pipeline)
    with pytest.raises(TypeError, match="Foreign"), imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments):
        pass
    assert state(pipeline) == before


@pytest.mark.slow
@pytest.mark.parametrize("call", [{"guidance_scale": 1.0}, {"guidance_scale": 6.0}, {"use_dynamic_cfg": True}], ids=str)
@pytest.mark.parametrize("scheduler", [None, CogVideoXDPMScheduler])
def test_guidance_and_schedulers(pipeline, call: dict, scheduler: type | None) -> None:
    if scheduler is not None:
        pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config)
    untraced = generate(pipeline, **call)
    with imap_fast.trace(pipeline, CONCEPTS, **READ) as tracer:
        traced = generate(pipeline, **call)
    assert np.array_equal(traced, untraced)
    assert tracer.maps.imap.shape == (3, 3, 2, 3)


@pytest.mark.slow
def test_several_prompts_give_a_leading_video_dimension(pipeline) -> None:
    prompts = [PROMPT, "the blue dog"]
    in_fp64(pipeline)
    with imap_fast.trace(pipeline, CONCEPTS, **READ) as tracer:
        generate(pipeline, prompts)
    assert tracer.maps.imap.shape == (2, 3, 3, 2, 3)
    assert tracer.maps["cat"].shape == (2, 3, 2, 3)

    with imap_fast.trace(pipeline, CONCEPTS, **READ) as alone:
        generate(pipeline, prompts[:1])
    # The noise of the first video is the same with and without a second video.
    assert_close(tracer.maps.imap[0], alone.maps.imap, 1e-6)


# CogVideoX's own pipelines make one video of a prompt, whatever is asked.
@pytest.mark.slow
@pytest.mark.parametrize("name", ["hunyuan_video", "wan"])
def test_several_videos_of_a_prompt_lead_every_map(name: str) -> None:
    architecture = ARCHITECTURES[name]
    pipeline = in_fp64(architecture.pipeline())

    def imap(**call: object) -> torch.Tensor:
        with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments) as tracer:
            generate(pipeline, **call)
        return tracer.maps.imap

    both = imap(num_videos_per_prompt=2)
    assert both.shape == (2, 3, 3, 2, 3)
    # The noise of the first video is the same with and without a second video.
    assert_close(both[0], imap(), 1e-6)


@pytest.mark.slow
def test_chosen_steps_average_to_the_whole(architecture: Architecture) -> None:
    pipeline = architecture.pipeline()

    def imap(steps: list[int] | None) -> torch.Tensor:
        with imap_fast.trace(pipeline, CONCEPTS, steps=steps, **architecture.arguments) as tracer:
            generate(pipeline)
        assert tracer.maps.steps == tuple([0, 1, 2] if steps is None else steps)
        return tracer.maps.imap

    assert_close(imap(None), (imap([0]) + 2 * imap([1, 2])) / 3, 1e-5)


@pytest.mark.slow
def test_chosen_layers_average_to_the_whole(architecture: Architecture) -> None:
    pipeline = architecture.pipeline()

    def gramcol(layers: list[int]) -> torch.Tensor:
        with imap_fast.trace(pipeline, CONCEPTS, **{**architecture.arguments, "layers": layers}) as tracer:
            generate(pipeline)
        return tracer.maps.gramcol

    assert_close(gramcol([0, 1, 2]), (gramcol([1]) + 2 * gramcol([0, 2])) / 3, 1e-5)


@pytest.mark.slow
def test_lora_changes_the_maps_and_its_scale_is_honoured(architecture: Architecture) -> None:
    pipeline = in_fp64(architecture.pipeline())

    def imap(**call: object) -> torch.Tensor:
        untraced = generate(pipeline, **call)
        with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments) as tracer:
            assert np.array_equal(generate(pipeline, **call), untraced)
        return tracer.maps.imap

    plain = imap()
    targets = ["to_q", "to_k", "to_v", "to_out.0"]
    pipeline.transformer.add_adapter(LoraConfig(r=2, init_lora_weights=False, target_modules=targets))
    assert not torch.allclose(imap(), plain, atol=1e-2)
    assert_close(imap(attention_kwargs={"scale": 0.0}), plain, 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cogvideox", "wan"])
def test_fused_projections_give_the_same_maps(name: str) -> None:
    architecture = ARCHITECTURES[name]
    pipeline = in_fp64(architecture.pipeline())

    def check() -> torch.Tensor:
        untraced = generate(pipeline)
        with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments) as tracer:
            assert np.array_equal(generate(pipeline), untraced)
        return tracer.maps.imap

    plain = check()
    pipeline.transformer.fuse_qkv_projections()
    assert_close(check(), plain, 1e-6)
    pipeline.transformer.unfuse_qkv_projections()
    assert_close(check(), plain, 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["fuse_qkv_projections", "set_stock_processors", "restored_afterwards"])
def test_a_change_inside_stays_and_nothing_else_does(change: str, architecture: Architecture) -> None:
    """What a user sets inside the `with` is there afterwards, without a trace of the trace."""
    pipeline = architecture.pipeline()
    transformer = pipeline.transformer
    untraced = generate(pipeline)
    stock = transformer.attn_processors
    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments):
        generate(pipeline)
        kept = transformer.attn_processors
        if change == "fuse_qkv_projections":
            transformer.fuse_qkv_projections()
        elif change == "set_stock_processors":
            transformer.set_attn_processor(dict(stock))
        generate(pipeline)
    assert not any(isinstance(each, TappedAttention) for each in transformer.attn_processors.values())
    if change == "restored_afterwards":
        transformer.set_attn_processor(dict(kept))
    elif change == "fuse_qkv_projections":
        transformer.unfuse_qkv_projections()
    assert np.array_equal(generate(pipeline), untraced)
    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments) as tracer:
        assert np.array_equal(generate(pipeline), untraced)
    assert tracer.maps.imap.isfinite().all()
    assert {type(each) for each in transformer.attn_processors.values()} == {type(each) for each in stock.values()}


def test_an_attention_backend_that_is_set_inside_stays(architecture: Architecture) -> None:
    pipeline = architecture.pipeline()
    transformer = pipeline.transformer

    def backends() -> set[object]:
        return {getattr(each, "_attention_backend", "none") for each in transformer.attn_processors.values()}

    before = backends()
    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments):
        transformer.set_attention_backend("native")
        inside = backends()
    assert backends() == inside
    transformer.reset_attention_backend()
    assert backends() == before


def test_a_traced_model_cannot_be_copied(architecture: Architecture) -> None:
    """A copy would keep the processors of the trace."""
    pipeline = architecture.pipeline()
    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments):
        with pytest.raises(RuntimeError, match="copy it before the trace"):
            copy.deepcopy(pipeline.transformer)


def test_prompt_words_are_the_mean_of_their_tokens(architecture: Architecture) -> None:
    pipeline = architecture.pipeline()
    arguments = {**architecture.arguments, "match": "prompt"}
    with imap_fast.trace(pipeline, None, **arguments) as every:
        generate(pipeline)
    labels = every.maps.labels
    assert labels[:3] == ("a", "red", "cat")
    assert labels[-1] in ("</s>", "<|eot_id|>")
    assert "".join(label.removesuffix(" (2)") for label in labels[3:-3]) == "running"
    with imap_fast.trace(pipeline, ["running", "cat"], **arguments) as words:
        generate(pipeline)
    assert words.maps.labels == ("running", "cat")
    for name in architecture.maps:
        tokens = getattr(every.maps, name)
        assert_close(getattr(words.maps, name), torch.stack([tokens[3:-3].mean(0), tokens[2]]), 1e-6)


@pytest.mark.slow
def test_half_precision_is_read_in_fp32(architecture: Architecture) -> None:
    pipeline = architecture.pipeline().to(torch.bfloat16)
    with imap_fast.trace(pipeline, CONCEPTS, **architecture.arguments) as tracer:
        generate(pipeline)
    assert tracer.maps.imap.dtype == torch.float32
    assert tracer.maps.imap.isfinite().all()


def test_motion_heads_can_be_given() -> None:
    """`imap` is then the mean over those, and they are what is recorded."""
    pipeline = tiny_pipeline()
    own = read(pipeline)
    again = read(pipeline, motion_heads=own.selected_heads)
    assert_close(again.imap, own.imap, 1e-6)
    every = read(pipeline, motion_heads=[range(4)] * 2)
    assert_close(4 * every.imap, own.gramcol, 1e-6)
    others = [[head for head in range(4) if head not in row] for row in own.selected_heads.tolist()]
    assert_close((read(pipeline, motion_heads=others).imap + own.imap) / 2, every.imap, 1e-6)
    assert [sorted(row) for row in every.selected_heads.tolist()] == [[0, 1, 2, 3]] * 2
    assert every.settings["top_k"] == 4


def read(pipeline, **arguments: object) -> imap_fast.SaliencyMaps:
    with imap_fast.trace(pipeline, CONCEPTS, **(READ | arguments)) as tracer:
        generate(pipeline, num_inference_steps=1)
    return tracer.maps

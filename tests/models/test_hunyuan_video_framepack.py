"""HunyuanVideo Framepack: the sections of a video, and what cannot be read of several."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import imap_fast
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.models.registry import adapter_for
from imap_fast.tracing.not_finite import NotFiniteError
from imap_fast.tracing.repeat_variation import agreement_of_repeats
from tests.architectures import ARCHITECTURES as EVERY_ARCHITECTURE
from tests.assertions import assert_close
from tests.explaining.test_explain import clip
from tests.pipelines import PIPELINES, PROMPT, generate
from tests.tiny_hunyuan_video_framepack import ARCHITECTURES, GUIDANCE, SECTION, prompt_rows, tiny_pipeline
from tests.tiny_size import HEIGHT, WIDTH
from tests.tracing.test_text_attention import observed

CONCEPTS, STEPS = ["cat", "running"], 3
READ = {"layers": [0, 2], "top_k": 2, "maps": ["gramcol", "imap", "concept_attention"]}
SECTIONS = {**PIPELINES["framepack-sections"][2], "num_inference_steps": STEPS}
ORDERS = {"inverted_anti_drifting": (2, 1, 0), "vanilla": (0, 1, 2)}
"""The sections in the order of time, as they are numbered in the order of the run."""


@contextmanager
def calls_of(transformer: nn.Module) -> Iterator[list[dict[str, Any]]]:
    """The arguments of each forward pass."""
    calls: list[dict[str, Any]] = []
    hook = transformer.register_forward_pre_hook(lambda _, args, kwargs: calls.append(kwargs), with_kwargs=True)
    yield calls
    hook.remove()


def maps_of(pipeline: Any, passes: list[dict[str, Any]], embeddings: Tensor) -> SaliencyMaps:
    """The maps of these forward passes of the transformer alone."""
    with torch.no_grad(), imap_fast.trace(pipeline.transformer, embeddings, **READ) as tracer:
        for arguments in passes:
            pipeline.transformer(**arguments)
    return tracer.maps


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sampling_type", "guidance"), [*((order, {}) for order in ORDERS), ("inverted_anti_drifting", GUIDANCE)]
)
def test_sections_follow_one_another_as_in_the_video(sampling_type: str, guidance: dict[str, Any]) -> None:
    pipeline, call = tiny_pipeline(), {**SECTIONS, "sampling_type": sampling_type, **guidance}
    with calls_of(pipeline.transformer) as calls, imap_fast.trace(pipeline, CONCEPTS, **READ) as tracer:
        video = generate(pipeline, **call)
    maps, embeddings = tracer.maps, tracer.concepts.embeddings
    conditional = calls[::2] if guidance else calls
    sections = [conditional[STEPS * number :][:STEPS] for number in ORDERS[sampling_type]]
    alone = [maps_of(pipeline, passes, embeddings) for passes in sections]
    assert [section.grid[0] for section in alone] == [3, 2, 2]
    assert maps.grid == (7, 2, 3)
    assert maps.frame_times(video.shape[1])[-1] == video.shape[1] - 2.5
    for name in READ["maps"]:
        assert torch.equal(getattr(maps, name), torch.cat([getattr(section, name) for section in alone], dim=1))
    assert_close(maps.head_scores, torch.stack([section.head_scores for section in alone]).mean(0), 1e-6)
    assert maps.steps == tuple(range(STEPS))
    # How steps differ is that of all latent frames.
    by_step = zip(
        *([maps_of(pipeline, [step], embeddings).imap for step in passes] for passes in sections), strict=True
    )
    of_steps = torch.stack([torch.cat(parts, dim=1) for parts in by_step])
    assert_close(maps.spreads["imap"], of_steps.std(0), 1e-4)
    squares, levels = of_steps.var(0) * (STEPS - 1), of_steps.flatten(2).mean(-1).T
    assert_close(
        maps.agreements["imap"], agreement_of_repeats(of_steps.mean(0)[None], squares[None], levels[None])[0], 1e-4
    )


def test_the_image_is_a_frame_of_the_section_that_it_begins() -> None:
    """At the first step, its tokens are those of a clean image beside noise."""
    pipeline = tiny_pipeline()
    with calls_of(pipeline.transformer) as calls:
        generate(pipeline, **{**SECTION, "num_inference_steps": 1})
    (arguments,) = calls
    concepts = torch.randn(2, 32, generator=torch.Generator().manual_seed(2))
    before = maps_of(pipeline, [arguments], concepts).gramcol
    moved = {**arguments, "latents_clean": arguments["latents_clean"].clone()}
    moved["latents_clean"][:, :, 0, :2] *= 3  # in the upper row of its patches
    after = maps_of(pipeline, [moved], concepts).gramcol
    assert (after - before)[:, 0].abs().mean() > 2 * (after - before)[:, 1:].abs().mean()


@pytest.mark.parametrize("sampling_type", ORDERS)
def test_maps_on_the_way_are_of_the_sections_that_were_made(sampling_type: str) -> None:
    pipeline, seen = tiny_pipeline(), []
    call = {**SECTIONS, "sampling_type": sampling_type, "num_inference_steps": 2}
    with imap_fast.trace(pipeline, CONCEPTS, **READ, on_step=lambda step, maps: seen.append((step, maps.grid[0]))):
        generate(pipeline, **call)
    frames = [3, 5, 7] if sampling_type == "vanilla" else [2, 4, 7]
    assert seen == [(step, count) for count in frames for step in (0, 1)]


@pytest.mark.parametrize(
    "given", [{"keep": ["steps"]}, {"runs": "mean"}, {"surrogates": "clip"}, {"regions": {"corner": (0, 0, 0, 16, 16)}}]
)
def test_what_needs_all_frames_at_once_is_refused(given: dict[str, Any]) -> None:
    pipeline, read = tiny_pipeline(), {**READ, "maps": None, **given}
    with imap_fast.trace(pipeline, CONCEPTS, **read) as tracer:
        generate(pipeline, **{**SECTION, "num_inference_steps": 1})
    assert tracer.maps.grid == (3, 2, 3)
    name = next(iter(given))
    with (
        imap_fast.trace(pipeline, CONCEPTS, **read),
        pytest.raises(ValueError, match=f"^{name}.* is possible for a video of one section"),
    ):
        generate(pipeline, **{**SECTIONS, "num_inference_steps": 1})


@pytest.mark.parametrize("stop", [1, 2, 4])
def test_a_run_that_was_interrupted_has_no_maps(stop: int) -> None:
    """Each section has 2 steps."""
    pipeline, steps = tiny_pipeline(), []

    def interrupt(pipe: Any, step: int, timestep: Tensor, tensors: dict) -> dict:
        steps.append(step)
        pipe._interrupt = len(steps) == stop
        return {}

    with imap_fast.trace(pipeline, CONCEPTS, **READ) as tracer:
        generate(pipeline, **{**SECTIONS, "num_inference_steps": 2}, callback_on_step_end=interrupt)
        with pytest.raises(RuntimeError, match=r"the sections of the video have .* steps that were read"):
            _ = tracer.maps
        generate(pipeline, **{**SECTIONS, "num_inference_steps": 2})
    assert tracer.maps.grid == (7, 2, 3)


def test_a_reset_on_the_way_is_refused() -> None:
    pipeline = tiny_pipeline()

    def reset(pipe: Any, step: int, timestep: Tensor, tensors: dict) -> dict:
        tracer.reset()
        return {}

    call = {**SECTIONS, "num_inference_steps": 1}
    with imap_fast.trace(pipeline, CONCEPTS, **READ) as tracer:
        with pytest.raises(RuntimeError, match="a video of sections is read in one run"):
            generate(pipeline, **call, callback_on_step_end=reset)
        generate(pipeline, **call)
        tracer.reset()
        generate(pipeline, **call)
    assert tracer.maps.grid == (7, 2, 3)


def test_a_section_that_is_not_finite_is_named() -> None:
    pipeline, passes = tiny_pipeline(), []

    def spoil(_: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        passes.append(None)
        spoiled = kwargs["hidden_states"] * float("nan")
        return args, {**kwargs, "hidden_states": spoiled if len(passes) == 2 else kwargs["hidden_states"]}

    pipeline.transformer.register_forward_pre_hook(spoil, with_kwargs=True)
    with imap_fast.trace(pipeline, CONCEPTS, **READ), pytest.raises(NotFiniteError, match="step 1"):
        generate(pipeline, **{**SECTIONS, "num_inference_steps": 2})


def test_a_window_of_one_frame_has_no_section() -> None:
    forward = adapter_for(tiny_pipeline()).video_forward(None, 32, 48)
    with torch.no_grad(), pytest.raises(ValueError, match="a window of 4 frames has no latent frame behind its first"):
        forward.encode(np.zeros((4, 32, 48, 3), np.uint8))


def test_words_of_the_prompt_are_found_in_a_batch_and_alone() -> None:
    """A batch has rows of padding, and a video alone has none."""
    pipeline = tiny_pipeline()
    with (
        calls_of(pipeline.transformer) as calls,
        imap_fast.trace(pipeline, CONCEPTS, match="prompt", layers=[0, 2], top_k=2),
    ):
        generate(pipeline, PROMPT, **{**SECTION, "num_inference_steps": 1})
    (alone,) = calls
    batch = {
        name: torch.cat([value, value]) if len(value) == 1 and name != "return_dict" else value
        for name, value in alone.items()
        if isinstance(value, Tensor)
    }
    read = {"match": "prompt", "layers": [0, 2], "top_k": 2}
    found = []
    for arguments in (alone, batch):
        with torch.no_grad(), imap_fast.trace(pipeline.transformer, None, **read) as tracer:
            pipeline.transformer(**arguments)
        found.append(tracer.maps.imap)
    tokens = int(alone["encoder_attention_mask"].sum())
    assert 0 < tokens < alone["encoder_hidden_states"].shape[1]
    assert_close(found[0][:tokens], found[1][0][:tokens], 1e-4)


@pytest.mark.parametrize("batch", [1, 2])
def test_text_attends_to_the_image_too(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What words attend to each other is a share of all that they attend to, against a softmax over all rows."""
    architecture, seen = ARCHITECTURES["hunyuan_video_framepack"], observed(monkeypatch)
    transformer, inputs = architecture.transformer(), architecture.draw(batch)
    arguments = {**READ, "maps": ["gramcol", "text_attention"], "match": "prompt"}
    with torch.no_grad(), imap_fast.trace(transformer, None, **arguments) as tracer:
        transformer(**inputs)
    found = tracer.maps.text_attention.view(batch, *tracer.maps.text_attention.shape[-2:])
    for video in range(batch):
        words, shares = prompt_rows(inputs, video), []
        for layer, query, key, mask, text, _ in seen:
            if layer in READ["layers"]:
                scores = query[video].double() @ key[video].double().mT * query.shape[-1] ** -0.5
                if mask is not None:
                    scores = scores.masked_fill(~mask[video].bool(), -torch.inf)
                shares.append(scores.softmax(-1)[:, text, text].mean(0)[words][:, words])
        own = len(words)
        assert_close(found[video, :own, :own], sum(shares) / 2, 1e-5)
        assert found[video, :, own:].abs().max() == 0, "padding is attended to"


def test_the_image_and_the_latents_of_a_window_are_those_that_the_pipeline_decodes() -> None:
    pipeline, frames = tiny_pipeline(), clip(9, height=HEIGHT, width=WIDTH).frames
    forward = adapter_for(pipeline).video_forward(None, HEIGHT, WIDTH)
    with torch.no_grad():
        window = forward.encode(frames)
        whole, image = (
            pipeline.vae.encode(forward.encoder.pixels(part)).latent_dist.mode() for part in (frames, frames[:1])
        )
    scale = pipeline.vae.config.scaling_factor
    assert_close(window["first_frame"] / scale, image, 1e-5)
    assert_close(window["latents"] / scale, whole[:, :, 1:], 1e-5)


def test_the_schedule_of_a_large_video_is_not_shifted_further() -> None:
    forward = adapter_for(tiny_pipeline()).video_forward(10, 720, 1280)
    sigmas = torch.linspace(1, 0, 11, dtype=torch.float64)[:-1]
    assert_close(forward.scheduler.sigmas[:-1], 7 * sigmas / (1 + 6 * sigmas), 1e-6)


def test_the_image_is_read_next_to_the_section_that_follows_it() -> None:
    pipeline = tiny_pipeline()
    with calls_of(pipeline.transformer) as calls:
        generate(pipeline, **{**SECTION, "num_inference_steps": 1, "sampling_type": "vanilla"})
    _, (image, section) = adapter_for(pipeline).grid_of(calls[0])
    assert image.stop == section.start


@pytest.mark.parametrize("name", ["hunyuan_video_framepack", "hunyuan_video_15"])
@pytest.mark.parametrize("batch", [1, 2])
def test_long_prompts_in_half_precision_are_counted_exactly(name: str, batch: int) -> None:
    """bfloat16 has no 257 and no 301."""
    architecture = EVERY_ARCHITECTURE[name]
    transformer, inputs = architecture.transformer(), architecture.draw(batch, text=400)
    mask, found = torch.arange(400) < torch.tensor([[301], [259]])[:batch], []
    for dtype in (torch.float32, torch.bfloat16):
        with torch.no_grad(), imap_fast.trace(transformer, None, layers=[0, 2], top_k=2, match="prompt") as tracer:
            transformer(**{**inputs, "encoder_attention_mask": mask.to(dtype)})
        found.append(tracer.maps.imap)
    assert torch.equal(*found)


@pytest.mark.parametrize("stop", [3, 5])
def test_a_run_that_an_error_stopped_has_no_maps(stop: int) -> None:
    pipeline, steps = tiny_pipeline(), []

    def fail(pipe: Any, step: int, timestep: Tensor, tensors: dict) -> dict:
        steps.append(step)
        if len(steps) == stop:
            raise KeyboardInterrupt
        return {}

    with pytest.raises(KeyboardInterrupt), imap_fast.trace(pipeline, CONCEPTS, **READ) as tracer:
        generate(pipeline, **{**SECTIONS, "num_inference_steps": 2}, callback_on_step_end=fail)
    with pytest.raises(RuntimeError, match="the sections of the video have"):
        _ = tracer.maps


def test_a_reset_after_a_pass_that_stopped_begins_again() -> None:
    pipeline, passes = tiny_pipeline(), []

    def fail(*_: object) -> None:
        passes.append(None)
        if len(passes) == 3:
            raise KeyboardInterrupt

    with imap_fast.trace(pipeline, CONCEPTS, **READ) as tracer:
        hook = pipeline.transformer.transformer_blocks[1].register_forward_pre_hook(fail)
        with pytest.raises(KeyboardInterrupt):
            generate(pipeline, **{**SECTIONS, "num_inference_steps": 2})
        hook.remove()
        tracer.reset()
        generate(pipeline, **{**SECTIONS, "num_inference_steps": 2})
    assert tracer.maps.grid == (7, 2, 3)

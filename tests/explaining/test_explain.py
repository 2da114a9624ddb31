"""A real video is encoded, noised and passed once, as far as the last layer read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    CogVideoXFunControlPipeline,
    CogVideoXImageToVideoPipeline,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    LMSDiscreteScheduler,
    WanImageToVideoPipeline,
)

import imap_fast
from imap_fast.files import sha256_of
from imap_fast.maps.names import MAP_NAMES
from imap_fast.maps.run_state import read_state
from imap_fast.models.registry import adapter_for
from imap_fast.video import Clip
from tests import tiny_wan
from tests.architectures import ARCHITECTURES, Architecture
from tests.assertions import assert_close
from tests.conftest import NAMES
from tests.pipelines import EXPLAINED, PIPELINES, PROMPT
from tests.precision import in_fp64
from tests.tiny import HEIGHT, WIDTH, tiny_pipeline

READ = {"layers": [0, 1], "top_k": 2}
ARGUMENTS = ("a red cat", ["cat", "running"])
ROTARY = {"use_rotary_positional_embeddings": True}


def clip(frames: int = 9, height: int = HEIGHT, width: int = WIDTH) -> Clip:
    """Smooth noise that differs from frame to frame."""
    coarse = np.random.default_rng(5).integers(0, 256, (frames, height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    return Clip(coarse.repeat(8, 1).repeat(8, 2)[:, :height, :width], 8.0)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    clip(height=46, width=80).save(tmp_path / "clip.mp4")
    return tmp_path / "clip.mp4"


def test_a_file_is_read_at_the_models_size(pipeline, video: Path) -> None:
    maps = imap_fast.explain(pipeline, video, *ARGUMENTS, maps=MAP_NAMES, **READ)
    assert maps.grid == (3, 2, 3)
    assert maps.steps == (30,)
    read = {"fps": 8.0, "passed_fps": None, "num_frames": 9, "height": HEIGHT, "width": WIDTH}
    assert maps.settings["video"] == {
        **read,
        "vae": None,
        "windows": 1,
        "window": 9,
        "overlap": 1,
        "stream": None,
        "display": {},
        "start": None,
        "end": None,
        "shots": [{"first_frame": 0, "num_frames": 9, "seconds": 0.0}],
        "gaps": [],
        "sha256": sha256_of(video),
    }
    assert maps.settings["prompt"] == "a red cat"
    assert maps.imap.flatten(1).std(1).min() > 0


def by_hand(pipeline, name: str, frames: np.ndarray, step: int) -> dict[str, torch.Tensor]:
    """Arguments of the transformer for a video at `step` of 10, from the pipeline's parts."""
    vae, scheduler = pipeline.vae, pipeline.scheduler
    pixels = torch.from_numpy(frames).permute(3, 0, 1, 2)[None] / 127.5 - 1
    latents = vae.encode(pixels).latent_dist.mode()
    if name == "hunyuan_video":
        latents = latents * vae.config.scaling_factor
        scheduler.set_timesteps(sigmas=[1 - i / 10 for i in range(10)])
        embeds, pooled, mask = pipeline.encode_prompt(PROMPT)
        text = {"encoder_hidden_states": embeds, "encoder_attention_mask": mask, "pooled_projections": pooled}
        text["guidance"] = torch.tensor([6000.0])
    elif name == "wan":
        mean, std = (torch.tensor(row).view(1, 4, 1, 1, 1) for row in (vae.config.latents_mean, vae.config.latents_std))
        latents = (latents - mean) / std
        scheduler.set_timesteps(10)
        text = {"encoder_hidden_states": pipeline.encode_prompt(PROMPT, max_sequence_length=512)[0]}
    else:
        latents = latents.transpose(1, 2) * vae.config.scaling_factor
        scheduler.set_timesteps(10)
        embeds, _ = pipeline.encode_prompt(PROMPT, do_classifier_free_guidance=False, max_sequence_length=24)
        text = {"encoder_hidden_states": embeds}
    timestep = scheduler.timesteps[step]
    if name == "cogvideox":
        sigma = (1 - scheduler.alphas_cumprod[timestep]).sqrt()
        signal = (1 - sigma**2).sqrt()
    else:  # flow matching: a straight line from video to noise
        sigma = scheduler.sigmas[step]
        signal = 1 - sigma
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(7))
    return {"hidden_states": signal * latents + sigma * noise, "timestep": timestep[None], **text}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_trace_of_the_noised_latents(name: str) -> None:
    """What the transformer is given, and then the maps of just that: a best patch hangs on rounding."""
    architecture, frames, given = ARCHITECTURES[name], clip().frames, {}
    pipeline = architecture.pipeline()
    concepts = None if architecture.prompt_only else ["cat", "running"]
    hook = pipeline.transformer.register_forward_pre_hook(lambda m, a, inputs: given.update(inputs), with_kwargs=True)
    read = {"height": HEIGHT, "width": WIDTH, "num_inference_steps": 10, "steps": [6]}
    generator = torch.Generator().manual_seed(7)
    maps = imap_fast.explain(pipeline, frames, PROMPT, concepts, generator=generator, **read, **architecture.arguments)
    hook.remove()
    assert maps.steps == (6,)
    with torch.no_grad():
        for each, expected in by_hand(pipeline, name, frames, 6).items():
            assert_close(given[each], expected, 1e-5)
        with imap_fast.trace(pipeline, concepts, guided=False, **architecture.arguments) as tracer:
            pipeline.transformer(**given)
    for each in architecture.maps:
        values = getattr(maps, each)
        assert torch.equal(values, getattr(tracer.maps, each)[: len(values)])


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXPLAINED)
def test_every_pipeline_explains_and_is_left_as_it_was(kind: str) -> None:
    name, make, _ = PIPELINES[kind]
    pipeline, architecture = make(), ARCHITECTURES[name]
    lists = [dict(part._modules) for part in (pipeline.transformer, getattr(pipeline, "transformer_2", None)) if part]
    read = {**architecture.arguments, "layers": [0, 1], **architecture.sizes}
    maps = imap_fast.explain(pipeline, clip(), PROMPT, ["cat", "running"], **read)
    adapter = adapter_for(pipeline)
    frames = -(-(8 // adapter.temporal_compression + 1) // adapter.patch_size[0])
    assert maps.grid == (frames, 2, 3)
    assert maps.steps == (adapter.video_forward_class.step_of[0],)
    assert maps.gramcol.flatten(1).std(1).min() > 0
    after = [dict(part._modules) for part in (pipeline.transformer, getattr(pipeline, "transformer_2", None)) if part]
    assert after == lists
    again = imap_fast.explain(pipeline, clip(), PROMPT, ["cat", "running"], **read)
    assert torch.equal(again.gramcol, maps.gramcol)


def test_each_step_goes_to_the_transformer_of_its_noise() -> None:
    pipeline, ran = tiny_wan.tiny_pipeline(stages=2), []
    for name in ("transformer", "transformer_2"):
        part = getattr(pipeline, name)
        part.register_forward_pre_hook(
            lambda m, a, k, name=name: ran.append((name, k["timestep"].item())), with_kwargs=True
        )
    read = {**ARCHITECTURES["wan"].arguments, "height": HEIGHT, "width": WIDTH, "steps": [0, 20, 49]}
    imap_fast.explain(pipeline, clip(), PROMPT, None, **read)
    assert [name for name, _ in ran] == ["transformer" if time >= 800 else "transformer_2" for _, time in ran]
    assert {name for name, _ in ran} == {"transformer", "transformer_2"}


def test_one_timestep_for_each_patch_where_the_first_frame_is_given() -> None:
    """Wan 2.2's 5B, as its image-to-video pipeline runs it."""
    pipeline = tiny_wan.tiny_pipeline(WanImageToVideoPipeline)
    pipeline.register_to_config(expand_timesteps=True)
    seen = {}
    pipeline.transformer.register_forward_pre_hook(lambda m, a, k: seen.update(k), with_kwargs=True)
    read = {**ARCHITECTURES["wan"].arguments, "height": HEIGHT, "width": WIDTH}
    imap_fast.explain(pipeline, clip(), PROMPT, None, **read)
    assert seen["timestep"].shape == (1, 18)
    assert seen["timestep"][0, :6].max() == 0
    assert seen["timestep"][0, 6:].min() == seen["timestep"].max() > 0


@pytest.mark.parametrize(
    ("kind", "size", "step"),
    [("wan-text", (49, 480, 832), (20, 50)), ("hunyuan-text", (49, 480, 720), (20, 30))],
)
def test_published_clips_and_steps(kind: str, size: tuple[int, int, int], step: tuple[int, int]) -> None:
    explained = adapter_for(PIPELINES[kind][1]()).video_forward(None, None, None)
    assert (explained.num_frames, explained.height, explained.width) == size
    assert (explained.default_step, explained.num_inference_steps) == step


def test_steps_are_averaged(pipeline) -> None:
    def gramcol(steps: list[int]) -> torch.Tensor:
        return imap_fast.explain(pipeline, clip(), *ARGUMENTS, steps=steps, **READ).gramcol

    assert_close(gramcol([10, 30]), (gramcol([10]) + gramcol([30])) / 2, 1e-5)


def test_no_scheduler_counts_the_steps_that_are_read() -> None:
    """Those of diffusers that scale the latents count the calls."""
    pipeline = tiny_pipeline()
    for scheduler in (EulerDiscreteScheduler, EulerAncestralDiscreteScheduler, LMSDiscreteScheduler):
        pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config)
        test_steps_are_averaged(pipeline)


def test_a_scheduler_with_several_timesteps_in_a_step_is_refused() -> None:
    pipeline = tiny_pipeline()
    pipeline.scheduler = HeunDiscreteScheduler.from_config(pipeline.scheduler.config)
    with pytest.raises(TypeError, match="HeunDiscreteScheduler makes 50 steps of 99 timesteps"):
        imap_fast.explain(pipeline, clip(), *ARGUMENTS, **READ)


def test_nothing_behind_the_last_layer_read_runs_and_all_is_restored(architecture: Architecture) -> None:
    pipeline, ran = architecture.pipeline(), []
    transformer, lists = pipeline.transformer, adapter_for(pipeline).block_lists
    before = [getattr(transformer, name) for name in lists]
    for layer, block in enumerate(block for blocks in before for block in blocks):
        block.register_forward_hook(lambda *_, layer=layer: ran.append(layer))
    timesteps = pipeline.scheduler.timesteps
    read = {**architecture.arguments, "layers": [0, 1], "height": HEIGHT, "width": WIDTH}
    imap_fast.explain(pipeline, clip(), ARGUMENTS[0], ["red", "cat"], **read)
    assert ran == [0, 1]
    assert all(getattr(transformer, name) is blocks for name, blocks in zip(lists, before, strict=True))
    assert pipeline.scheduler.timesteps is timesteps
    with pytest.raises(ValueError, match="step 50 is outside the schedule of 50 steps; give 0 to 49"):
        imap_fast.explain(pipeline, clip(), *ARGUMENTS, steps=[50], num_inference_steps=50, **read)


@pytest.mark.slow
def test_in_fp64_it_is_the_same_but_for_rounding(architecture: Architecture) -> None:
    read = {**architecture.arguments, "height": HEIGHT, "width": WIDTH}
    single, double = (
        imap_fast.explain(make(architecture.pipeline()), clip(), PROMPT, ["cat", "running"], **read)
        for make in (lambda pipeline: pipeline, in_fp64)
    )
    # A map without leaps; the best patches of the others hang on rounding.
    assert_close(single.cross_attention, double.cross_attention, 1e-4)
    assert not torch.equal(single.cross_attention, double.cross_attention)


def test_the_same_video_gives_the_same_bits(pipeline) -> None:
    first, second = (imap_fast.explain(pipeline, clip(), *ARGUMENTS, **READ) for _ in range(2))
    assert torch.equal(first.imap, second.imap)


def test_an_image_to_video_model_sees_the_first_frame() -> None:
    pipeline = tiny_pipeline(CogVideoXImageToVideoPipeline, in_channels=8, **ROTARY)
    seen = {}

    def keep(_: object, args: tuple, kwargs: dict) -> None:
        seen.update(kwargs)

    pipeline.transformer.register_forward_pre_hook(keep, with_kwargs=True)
    imap_fast.explain(pipeline, clip(), *ARGUMENTS, **READ)
    with torch.no_grad():
        first = torch.from_numpy(clip().frames[:1]).permute(3, 0, 1, 2)[None] / 127.5 - 1
        expected = pipeline.vae.encode(first).latent_dist.mode()[:, :, 0] * pipeline.vae.config.scaling_factor
    condition = seen["hidden_states"][:, :, 4:]
    assert_close(condition[:, 0], expected, 1e-5)
    assert condition[:, 1:].abs().max() == 0


@pytest.mark.parametrize(
    ("config", "frames", "grid"), [({"patch_size_t": 2, **ROTARY}, 9, 2), (ROTARY, 7, 2), (ROTARY, 1, 1)]
)
def test_clips_of_any_length_up_to_the_models(config: dict, frames: int, grid: int) -> None:
    maps = imap_fast.explain(tiny_pipeline(**config), clip(frames), *ARGUMENTS, **READ)
    assert maps.grid == (grid, 2, 3)
    assert maps.imap.isfinite().all()


def test_tiled_and_sliced_encoding(pipeline) -> None:
    overlaps = {"tile_overlap_factor_height": 0.5, "tile_overlap_factor_width": 0.5}
    pipeline.vae.enable_tiling(tile_sample_min_height=HEIGHT, tile_sample_min_width=WIDTH, **overlaps)
    pipeline.vae.enable_slicing()
    size = {"height": 2 * HEIGHT, "width": 2 * WIDTH}
    assert imap_fast.explain(pipeline, clip(**size), *ARGUMENTS, **size, **READ).grid == (3, 4, 6)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"height": 40}, "height=40 is no multiple of the model's patch of 16 pixels; try 32"),
        ({"width": 8}, "width=8 is no multiple of the model's patch of 16 pixels; try 16"),
        ({"num_frames": 0}, "num_frames=0 is not possible"),
        ({"steps": [-1]}, "counted from 0"),
        ({"layers": [9]}, "layer 9 does not exist"),
    ],
    ids=str,
)
def test_impossible_arguments(pipeline, argument: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        imap_fast.explain(pipeline, clip(), *ARGUMENTS, **{**READ, **argument})


def test_targets_that_take_no_video(pipeline) -> None:
    with pytest.raises(TypeError, match="cannot pass a video through"):
        imap_fast.explain(pipeline.transformer, clip(), *ARGUMENTS, **READ)
    control = tiny_pipeline(CogVideoXFunControlPipeline, in_channels=8, **ROTARY)
    with pytest.raises(TypeError, match="CogVideoXFunControlPipeline; give a CogVideoXPipeline"):
        imap_fast.explain(control, clip(), *ARGUMENTS, **READ)


@pytest.mark.slow
def test_a_value_that_is_not_finite_is_named_by_its_step(tmp_path: Path) -> None:
    """The windows before it stay."""
    pipeline, passes = tiny_pipeline(), []
    transformer = pipeline.transformer
    transformer.register_forward_pre_hook(lambda *_: passes.append(None))
    transformer.transformer_blocks[1].attn1.to_v.register_forward_hook(
        lambda module, args, output: output * torch.inf if len(passes) == 4 else output
    )
    with pytest.raises(ValueError, match="block 1 held NaN or an infinity in step 40"):
        imap_fast.explain(pipeline, clip(25), *ARGUMENTS, folder=tmp_path, **{**READ, "steps": [30, 40]})
    assert read_state(tmp_path).windows == 1


def test_the_prompt_and_the_seed_are_named() -> None:
    generator = torch.Generator().manual_seed(5)
    maps = imap_fast.explain(tiny_pipeline(), clip(9), *ARGUMENTS, generator=generator, **READ)
    assert maps.settings["runs"] == [{"prompt": "a red cat", "seed": 5}]

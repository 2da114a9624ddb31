"""A trace reads what it should, changes nothing, and leaves everything as it was."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from accelerate import cpu_offload
from diffusers import (
    CogVideoXDPMScheduler,
    CogVideoXFunControlPipeline,
    CogVideoXImageToVideoPipeline,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
    CogVideoXVideoToVideoPipeline,
)
from peft import LoraConfig
from PIL import Image
from torch import nn

import imap_fast
from imap_fast.maps import MAP_NAMES
from imap_fast.trace import Tracer
from tests.assertions import assert_close
from tests.tiny import CALL, HEIGHT, WIDTH, tiny_pipeline, tiny_transformer

PROMPT = "a red cat running on grass"
CONCEPTS = ["cat", "running", "grass"]
ROTARY = {"use_rotary_positional_embeddings": True}
READ = {"layers": [0, 2], "top_k": 2}


def generate(pipeline, prompt: str | list[str] = PROMPT, **call: object) -> np.ndarray:
    """Frames of a tiny run, always from the same noise."""
    return pipeline(prompt=prompt, generator=torch.Generator().manual_seed(0), **{**CALL, **call}).frames


def state(pipeline) -> dict[str, object]:
    """Everything a trace might leave behind, object by object."""
    # A run sets attributes of the pipeline by itself, so only which there are is compared.
    found: dict[str, object] = {"pipeline": set(vars(pipeline))}
    for name, module in pipeline.transformer.named_modules():
        found[name] = {
            key: dict(value) if isinstance(value, dict) else value
            for key, value in vars(module).items()
            if key not in ("_parameters", "_buffers")
        }
    return found


PIPELINES = {
    "text-1.0-sincos": (CogVideoXPipeline, {}, {}),
    "text-1.0-rotary": (CogVideoXPipeline, ROTARY, {}),
    "text-1.5": (CogVideoXPipeline, {**ROTARY, "patch_size_t": 2}, {}),
    "image-1.0-learned": (
        CogVideoXImageToVideoPipeline,
        {**ROTARY, "in_channels": 8, "use_learned_positional_embeddings": True},
        {"image": Image.new("RGB", (WIDTH, HEIGHT), "red")},
    ),
    "image-1.5": (
        CogVideoXImageToVideoPipeline,
        {**ROTARY, "in_channels": 8, "patch_size_t": 2, "ofs_embed_dim": 16},
        {"image": Image.new("RGB", (WIDTH, HEIGHT), "red")},
    ),
    "video": (
        CogVideoXVideoToVideoPipeline,
        ROTARY,
        {"video": [Image.new("RGB", (WIDTH, HEIGHT), "red")] * 9, "strength": 0.7, "num_frames": None},
    ),
    "control": (
        CogVideoXFunControlPipeline,
        {**ROTARY, "in_channels": 8},
        {"control_video": [Image.new("RGB", (WIDTH, HEIGHT), "red")] * 9, "num_frames": None},
    ),
}


@pytest.mark.parametrize("kind", PIPELINES)
def test_every_pipeline_is_read_and_left_as_it_was(kind: str) -> None:
    pipeline_class, config, inputs = PIPELINES[kind]
    pipeline = tiny_pipeline(pipeline_class, **config)
    call = {key: value for key, value in {**CALL, **inputs}.items() if value is not None}

    def run() -> np.ndarray:
        return pipeline(prompt=PROMPT, generator=torch.Generator().manual_seed(0), **call).frames

    untraced, before = run(), state(pipeline)
    with imap_fast.trace(pipeline, CONCEPTS, maps=MAP_NAMES, **READ) as tracer:
        traced = run()
        while_traced = tracer.maps
    after = state(pipeline)
    assert np.array_equal(traced, untraced)
    assert after == before
    assert np.array_equal(run(), untraced)

    maps = tracer.maps
    assert torch.equal(maps.imap, while_traced.imap)
    frames = 2 if "1.5" in kind else 3
    assert maps.grid == (frames, 2, 3)
    assert maps.steps == tuple(range(pipeline.num_timesteps))
    assert maps.layers == (0, 2)
    assert maps.labels == tuple(CONCEPTS)
    for name in MAP_NAMES:
        values = getattr(maps, name)
        assert values.dtype == torch.float32
        assert values.isfinite().all()
        assert values.flatten(1).std(1).min() > 0, f"{name} is flat"


def test_an_exception_inside_restores_everything(pipeline) -> None:
    untraced, before = generate(pipeline), state(pipeline)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    hook = pipeline.transformer.transformer_blocks[1].ff.register_forward_pre_hook(fail)
    with pytest.raises(KeyboardInterrupt), imap_fast.trace(pipeline, CONCEPTS, **READ) as tracer:
        generate(pipeline)
    hook.remove()
    assert state(pipeline) == before
    assert np.array_equal(generate(pipeline), untraced)
    with pytest.raises(RuntimeError, match="broke off"):
        tracer.maps  # noqa: B018


def test_a_failing_entry_restores_everything(pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state(pipeline)
    failing = imap_fast.trace(pipeline, CONCEPTS, **READ)
    monkeypatch.setattr(type(failing), "_listening_to", None)
    with pytest.raises(TypeError), failing:
        pass
    assert state(pipeline) == before


def test_nested_traces_are_refused_and_the_outer_one_goes_on(pipeline) -> None:
    with imap_fast.trace(pipeline, CONCEPTS, **READ) as alone:
        generate(pipeline)
    with imap_fast.trace(pipeline, CONCEPTS, **READ) as outer:
        with (
            pytest.raises(RuntimeError, match="traced already"),
            imap_fast.trace(pipeline.transformer, None, match="prompt", **READ),
        ):
            pass
        generate(pipeline)
    assert torch.equal(outer.maps.imap, alone.maps.imap)
    with pytest.raises(RuntimeError, match="entered before"), outer:
        pass


def test_a_foreign_attention_processor_is_refused(pipeline) -> None:
    class Foreign:
        def __call__(self, *args: object, **kwargs: object) -> None: ...

    pipeline.transformer.transformer_blocks[2].attn1.processor = Foreign()
    with pytest.raises(TypeError, match="Foreign"), imap_fast.trace(pipeline, CONCEPTS, **READ):
        pass


def test_only_the_conditional_half_is_read() -> None:
    transformer = tiny_transformer(**ROTARY)
    torch.manual_seed(3)
    latents, text, concepts = torch.randn(2, 3, 4, 4, 6), torch.randn(2, 24, 32), torch.randn(3, 32)
    rotary = (torch.randn(18, 16), torch.randn(18, 16))

    def maps(rows: slice, guided: bool | None) -> imap_fast.SaliencyMaps:
        with torch.no_grad(), imap_fast.trace(transformer, concepts, guided=guided, maps=MAP_NAMES, **READ) as tracer:
            transformer(latents[rows], text[rows], torch.tensor([500, 500])[rows], image_rotary_emb=rotary)
        return tracer.maps

    guided, alone = maps(slice(0, 2), True), maps(slice(1, 2), False)
    both, first = maps(slice(0, 2), None), maps(slice(0, 1), None)
    for name in MAP_NAMES:
        assert_close(getattr(guided, name), getattr(alone, name), 1e-4)
        assert_close(getattr(both, name)[1], getattr(alone, name), 1e-4)
        assert_close(getattr(both, name)[0], getattr(first, name), 1e-4)
    assert both.head_scores.shape == (2, 2, 4)
    assert both.selected_heads.shape == (2, 2, 2)
    with pytest.raises(ValueError, match="no two halves"):
        maps(slice(0, 1), True)


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


def test_several_prompts_give_a_leading_video_dimension(pipeline) -> None:
    prompts = [PROMPT, "the blue dog"]
    with imap_fast.trace(pipeline, CONCEPTS, **READ) as tracer:
        generate(pipeline, prompts)
    assert tracer.maps.imap.shape == (2, 3, 3, 2, 3)
    assert tracer.maps["cat"].shape == (2, 3, 2, 3)

    with imap_fast.trace(pipeline, CONCEPTS, **READ) as alone:
        generate(pipeline, prompts[:1])
    # The first video's noise is the same whether or not a second is drawn behind it.
    assert_close(tracer.maps.imap[0], alone.maps.imap, 1e-4)


def test_chosen_steps_average_to_the_whole(pipeline) -> None:
    def imap(steps: list[int] | None) -> torch.Tensor:
        with imap_fast.trace(pipeline, CONCEPTS, steps=steps, **READ) as tracer:
            generate(pipeline)
        assert tracer.maps.steps == tuple([0, 1, 2] if steps is None else steps)
        return tracer.maps.imap

    assert_close(imap(None), (imap([0]) + 2 * imap([1, 2])) / 3, 1e-5)


def test_chosen_layers_average_to_the_whole(pipeline) -> None:
    def gramcol(layers: list[int]) -> torch.Tensor:
        with imap_fast.trace(pipeline, CONCEPTS, layers=layers, top_k=2) as tracer:
            generate(pipeline)
        return tracer.maps.gramcol

    assert_close(gramcol([0, 1, 2]), (gramcol([1]) + 2 * gramcol([0, 2])) / 3, 1e-5)


def test_lora_changes_the_maps_and_its_scale_is_honoured(pipeline) -> None:
    def imap(**call: object) -> torch.Tensor:
        untraced = generate(pipeline, **call)
        with imap_fast.trace(pipeline, CONCEPTS, **READ) as tracer:
            assert np.array_equal(generate(pipeline, **call), untraced)
        return tracer.maps.imap

    plain = imap()
    targets = ["to_q", "to_k", "to_v", "to_out.0"]
    pipeline.transformer.add_adapter(LoraConfig(r=2, init_lora_weights=False, target_modules=targets))
    assert not torch.allclose(imap(), plain, atol=1e-2)
    assert_close(imap(attention_kwargs={"scale": 0.0}), plain, 1e-4)


def test_fused_projections_give_the_same_maps(pipeline) -> None:
    def check() -> torch.Tensor:
        untraced = generate(pipeline)
        with imap_fast.trace(pipeline, CONCEPTS, **READ) as tracer:
            assert np.array_equal(generate(pipeline), untraced)
        return tracer.maps.imap

    plain = check()
    pipeline.fuse_qkv_projections()
    assert_close(check(), plain, 1e-4)
    pipeline.unfuse_qkv_projections()
    assert_close(check(), plain, 1e-5)


def test_padding_as_one_token_equals_padding_in_full() -> None:
    """Concepts padded by hand to the full text length, with nothing left to collapse."""
    transformer = tiny_transformer(**ROTARY)
    torch.manual_seed(4)
    latents, text, concepts = torch.randn(1, 3, 4, 4, 6), torch.randn(1, 24, 32), torch.randn(3, 32)
    rotary = (torch.randn(18, 16), torch.randn(18, 16))

    def maps(concepts: torch.Tensor) -> imap_fast.SaliencyMaps:
        arguments = {"maps": MAP_NAMES, "normalize": "softmax", **READ}
        with torch.no_grad(), imap_fast.trace(transformer, concepts, **arguments) as tracer:
            transformer(latents, text, torch.tensor([500]), image_rotary_emb=rotary)
        return tracer.maps

    collapsed, full = maps(concepts), maps(torch.cat([concepts, torch.zeros(21, 32)]))
    for name in MAP_NAMES:
        assert_close(getattr(collapsed, name), getattr(full, name)[:3], 1e-5)


def test_learned_positions_keep_unequal_padding_apart() -> None:
    config = {**ROTARY, "use_learned_positional_embeddings": True}
    transformer = tiny_transformer(**config)
    with torch.no_grad():
        transformer.patch_embed.pos_embedding[:, 5:12] += torch.randn(1, 1, 64)
        transformer.patch_embed.pos_embedding[:, 0] += torch.randn(1, 64)
    torch.manual_seed(4)
    latents, text, concepts = torch.randn(1, 3, 4, 4, 6), torch.randn(1, 24, 32), torch.randn(3, 32)
    rotary = (torch.randn(18, 16), torch.randn(18, 16))
    rows = []

    def maps(concepts: torch.Tensor) -> imap_fast.SaliencyMaps:
        with torch.no_grad(), imap_fast.trace(transformer, concepts, maps=MAP_NAMES, **READ) as tracer:
            transformer(latents, text, torch.tensor([500]), image_rotary_emb=rotary)
            rows.append(len(tracer._tap._stream_start[0]))
        return tracer.maps

    collapsed, full = maps(concepts), maps(torch.cat([concepts, torch.zeros(21, 32)]))
    assert rows == [3 + 2, 24]
    for name in MAP_NAMES:
        assert_close(getattr(collapsed, name), getattr(full, name)[:3], 1e-5)


def test_prompt_words_are_the_mean_of_their_tokens(pipeline) -> None:
    with imap_fast.trace(pipeline, None, match="prompt", maps=MAP_NAMES, **READ) as every:
        generate(pipeline)
    assert every.maps.labels == ("a", "red", "cat", "run", "n", "ing", "on", "grass", "</s>")
    with imap_fast.trace(pipeline, ["running", "cat"], match="prompt", maps=MAP_NAMES, **READ) as words:
        generate(pipeline)
    assert words.maps.labels == ("running", "cat")
    for name in MAP_NAMES:
        tokens = getattr(every.maps, name)
        assert_close(getattr(words.maps, name), torch.stack([tokens[3:6].mean(0), tokens[2]]), 1e-6)


def test_training_mode_gradients_and_checkpointing() -> None:
    transformer = tiny_transformer()
    latents, text = torch.randn(1, 3, 4, 4, 6), torch.randn(1, 24, 32)
    untraced = transformer(latents, text, torch.tensor([500])).sample
    with imap_fast.trace(transformer, torch.randn(2, 32), **READ) as tracer:
        traced = transformer(latents, text, torch.tensor([500])).sample
    assert torch.equal(traced, untraced)
    assert traced.requires_grad
    assert not tracer.maps.imap.requires_grad
    transformer.enable_gradient_checkpointing()
    with pytest.raises(ValueError, match="checkpointing"), imap_fast.trace(transformer, torch.randn(2, 32), **READ):
        transformer(latents, text, torch.tensor([500]))


def test_half_precision_is_read_in_fp32(pipeline) -> None:
    pipeline.to(torch.bfloat16)
    with imap_fast.trace(pipeline, CONCEPTS, **READ) as tracer:
        generate(pipeline)
    assert tracer.maps.imap.dtype == torch.float32
    assert tracer.maps.imap.isfinite().all()


def test_layerwise_cast_and_group_offloaded_models_are_read() -> None:
    """The concept stream runs inside the blocks' own forward, so their weights are there, however they are kept."""
    latents, text, concepts = torch.randn(1, 3, 4, 4, 6), torch.randn(1, 24, 32), torch.randn(2, 32)

    def imap(transformer: nn.Module) -> torch.Tensor:
        with torch.no_grad(), imap_fast.trace(transformer, concepts, **READ) as tracer:
            transformer(latents, text, torch.tensor([500]))
        return tracer.maps.imap

    plain = tiny_transformer()
    expected = imap(plain)
    cast = copy.deepcopy(plain)
    cast.enable_layerwise_casting(storage_dtype=torch.bfloat16, compute_dtype=torch.float32)
    rounded = copy.deepcopy(plain)
    for name, module in rounded.named_modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)) and "norm" not in name and "patch_embed" not in name:
            module.to(torch.bfloat16).float()
    assert_close(imap(cast), imap(rounded), 1e-5)
    for kind in ("block_level", "leaf_level"):
        offloaded = copy.deepcopy(plain)
        blocks = {"num_blocks_per_group": 1} if kind == "block_level" else {}
        offloaded.enable_group_offload(
            onload_device=torch.device("cpu"), offload_device=torch.device("cpu"), offload_type=kind, **blocks
        )
        assert_close(imap(offloaded), expected, 1e-6)


def test_a_sequentially_offloaded_model_is_read() -> None:
    latents, text, concepts = torch.randn(1, 3, 4, 4, 6), torch.randn(1, 24, 32), torch.randn(2, 32)

    def imap(transformer: nn.Module) -> torch.Tensor:
        with torch.no_grad(), imap_fast.trace(transformer, concepts, **READ) as tracer:
            transformer(latents, text, torch.tensor([500]))
        return tracer.maps.imap

    transformer = tiny_transformer()
    expected = imap(transformer)
    cpu_offload(transformer, execution_device=torch.device("cpu"))
    assert next(transformer.transformer_blocks[0].ff.parameters()).is_meta
    assert_close(imap(transformer), expected, 1e-6)


def test_a_compiled_model_is_read_without_a_graph_break() -> None:
    transformer = tiny_transformer(num_layers=2, **ROTARY)
    torch.manual_seed(4)
    latents, text, concepts = torch.randn(2, 3, 4, 4, 6), torch.randn(2, 24, 32), torch.randn(3, 32)
    rotary = (torch.randn(18, 16), torch.randn(18, 16))

    def run(transformer: nn.Module) -> list[torch.Tensor]:
        timesteps = (torch.tensor([step, step]) for step in (900, 500))
        with torch.no_grad():
            return [transformer(latents, text, t, image_rotary_emb=rotary).sample for t in timesteps]

    def traced(transformer: nn.Module) -> tuple[list[torch.Tensor], Tracer]:
        with imap_fast.trace(transformer, concepts, guided=True, layers=[0, 1], top_k=2) as tracer:
            return run(transformer), tracer

    compiled = torch.compile(transformer, backend="aot_eager", fullgraph=True)
    (expected, eager), (outputs, tracer) = traced(transformer), traced(compiled)
    for output, other in zip(outputs, expected, strict=True):
        assert_close(output, other, 1e-5)
    assert_close(tracer.maps.imap, eager.maps.imap, 1e-4)
    for output, other in zip(run(compiled), expected, strict=True):
        assert_close(output, other, 1e-5)


def test_a_bare_transformer_takes_positional_arguments() -> None:
    transformer: CogVideoXTransformer3DModel = tiny_transformer()
    with torch.no_grad(), imap_fast.trace(transformer, torch.randn(2, 32), labels=["x", "y"], **READ) as tracer:
        transformer(torch.randn(1, 3, 4, 4, 6), torch.randn(1, 24, 32), torch.tensor([500]))
    assert tracer.maps.labels == ("x", "y")
    assert tracer.maps["y"].shape == (3, 2, 3)

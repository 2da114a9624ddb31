"""A trace of a bare transformer, of each architecture, however its weights are kept."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import cpu_offload
from diffusers.models.normalization import CogVideoXLayerNormZero
from torch import nn
from torch._dynamo.testing import CompileCounter

import imap_fast
from imap_fast.maps.names import MAP_NAMES
from imap_fast.models.adapter import Adapter
from imap_fast.models.cogvideox import CogVideoXTap
from imap_fast.models.concept_stream import ConceptStream
from imap_fast.models.registry import adapter_for
from imap_fast.tracing import running_maps
from imap_fast.tracing.trace import Tracer
from tests.architectures import ARCHITECTURES, TEXT, Architecture
from tests.assertions import assert_close
from tests.offloading import offload_to_disk
from tests.precision import doubled, in_fp64
from tests.tiny import tiny_transformer

READ = {"layers": [0, 2], "top_k": 2}


def traced(
    architecture: Architecture, transformer: nn.Module, inputs: dict[str, torch.Tensor], **arguments: object
) -> imap_fast.SaliencyMaps:
    """The maps of one forward."""
    arguments = {**architecture.arguments, **arguments}
    with torch.no_grad(), imap_fast.trace(transformer, architecture.concepts(), **arguments) as tracer:
        transformer(**inputs)
    return tracer.maps


def rows_of(inputs: dict[str, object], rows: slice) -> dict[str, object]:
    """The same forward for some rows of its batch; rotary embeddings have none."""
    return {name: value if isinstance(value, tuple) else value[rows] for name, value in inputs.items()}


def test_only_the_conditional_half_is_read(architecture: Architecture) -> None:
    transformer, inputs = in_fp64(architecture.transformer()), doubled(architecture.draw(batch=2))

    def maps(rows: slice, guided: bool | None) -> imap_fast.SaliencyMaps:
        return traced(architecture, transformer, rows_of(inputs, rows), guided=guided)

    guided, alone = maps(slice(0, 2), True), maps(slice(1, 2), False)
    both, first = maps(slice(0, 2), None), maps(slice(0, 1), None)
    for name in architecture.maps:
        assert_close(getattr(guided, name), getattr(alone, name), 1e-6)
        assert_close(getattr(both, name)[1], getattr(alone, name), 1e-6)
        assert_close(getattr(both, name)[0], getattr(first, name), 1e-6)
    assert both.head_scores.shape == (2, 2, 4)
    assert both.selected_heads.shape == (2, 2, 2)
    with pytest.raises(ValueError, match="no two halves"):
        maps(slice(0, 1), True)


@pytest.mark.parametrize("padding", [0, 1, 9, TEXT])
def test_equal_rows_behind_a_prompt_are_carried_as_one(padding: int, monkeypatch: pytest.MonkeyPatch) -> None:
    wan = ARCHITECTURES["wan"]
    transformer, inputs = in_fp64(wan.transformer()), doubled(wan.draw(padding=padding))
    keys = []
    matched = running_maps.qk_match
    monkeypatch.setattr(running_maps, "qk_match", lambda q, k, **o: keys.append(k.shape[1]) or matched(q, k, **o))
    collapsed = traced(wan, transformer, inputs, normalize="softmax")
    monkeypatch.undo()
    monkeypatch.setattr(type(adapter_for(transformer)), "text_multiplicity", Adapter.text_multiplicity)
    full = traced(wan, transformer, inputs, normalize="softmax")
    assert set(keys) == {TEXT - max(padding, 1) + 1}
    for name in wan.maps:
        assert getattr(collapsed, name).shape == (TEXT, 3, 2, 3)
        assert_close(getattr(collapsed, name), getattr(full, name), 1e-6)


def test_padding_as_one_token_equals_padding_in_full() -> None:
    """Concepts padded by hand to the full text length, with nothing left to collapse."""
    transformer = in_fp64(tiny_transformer(use_rotary_positional_embeddings=True))
    torch.manual_seed(4)
    latents, text, concepts = (torch.randn(shape).double() for shape in ((1, 3, 4, 4, 6), (1, 24, 32), (3, 32)))
    rotary = (torch.randn(18, 16), torch.randn(18, 16))

    def maps(concepts: torch.Tensor) -> imap_fast.SaliencyMaps:
        arguments = {"maps": MAP_NAMES, "normalize": "softmax", **READ}
        with torch.no_grad(), imap_fast.trace(transformer, concepts, **arguments) as tracer:
            transformer(latents, text, torch.tensor([500]), image_rotary_emb=rotary)
        return tracer.maps

    collapsed, full = maps(concepts), maps(torch.cat([concepts, torch.zeros(21, 32)]))
    for name in MAP_NAMES:
        assert_close(getattr(collapsed, name), getattr(full, name)[:3], 1e-6)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[ConceptStream]:
    """The concept stream of each forward pass, as it began."""
    new_stream, begun = CogVideoXTap.new_stream, []

    def noted(*arguments: object) -> ConceptStream:
        begun.append(new_stream(*arguments))
        return replace(begun[-1])

    monkeypatch.setattr(CogVideoXTap, "new_stream", noted)
    return begun


# For another length than its own, 3 latent frames, the model has no learned positions.
@pytest.mark.parametrize(("frames", "carried"), [(3, 5), (4, 4)])
def test_learned_positions_keep_unequal_padding_apart(
    frames: int, carried: int, streams: list[ConceptStream], tmp_path: Path
) -> None:
    transformer = tiny_transformer(use_rotary_positional_embeddings=True, use_learned_positional_embeddings=True)
    with torch.no_grad():
        transformer.patch_embed.pos_embedding[:, 5:12] += torch.randn(1, 1, 64)
        transformer.patch_embed.pos_embedding[:, 0] += torch.randn(1, 64)
    in_fp64(transformer)
    torch.manual_seed(4)
    latents, text, concepts = (torch.randn(shape).double() for shape in ((1, frames, 4, 4, 6), (1, 24, 32), (3, 32)))
    rotary = (torch.randn(6 * frames, 16), torch.randn(6 * frames, 16))
    prompts = []
    transformer.transformer_blocks[0].register_forward_pre_hook(
        lambda block, args, kwargs: prompts.append(kwargs["encoder_hidden_states"]), with_kwargs=True
    )

    def maps(concepts: torch.Tensor) -> imap_fast.SaliencyMaps:
        with torch.no_grad(), imap_fast.trace(transformer, concepts, maps=MAP_NAMES, **READ) as tracer:
            transformer(latents, text, torch.tensor([500]), image_rotary_emb=rotary)
        return tracer.maps

    collapsed, full = maps(concepts), maps(torch.cat([concepts, torch.zeros(21, 32)]))
    assert [len(stream.multiplicity) for stream in streams] == [carried, 24]
    for name in MAP_NAMES:
        assert_close(getattr(collapsed, name), getattr(full, name)[:3], 1e-6)
    # The prompt as concepts begins like the prompt.
    maps(text[0])
    assert_close(streams[-1].rows, prompts[-1], 1e-12)
    # On disk, memory holds any values.
    offload_to_disk(transformer, tmp_path)
    assert_close(maps(concepts).imap, collapsed.imap, 1e-12)


def test_training_mode_gradients_and_checkpointing(architecture: Architecture) -> None:
    transformer, inputs = architecture.transformer(), architecture.draw()
    untraced = transformer(**inputs).sample
    with imap_fast.trace(transformer, architecture.concepts(), **architecture.arguments) as tracer:
        output = transformer(**inputs).sample
    assert torch.equal(output, untraced)
    assert output.requires_grad
    assert not tracer.maps.imap.requires_grad
    transformer.enable_gradient_checkpointing()
    with (
        pytest.raises(ValueError, match="checkpointing"),
        imap_fast.trace(transformer, architecture.concepts(), **architecture.arguments),
    ):
        transformer(**inputs)


def test_layerwise_cast_and_group_offloaded_models_are_read(architecture: Architecture) -> None:
    """The concept stream runs inside the blocks' own forward, so their weights are there, however they are kept."""
    plain, inputs = in_fp64(architecture.transformer()), doubled(architecture.draw())
    expected = traced(architecture, plain, inputs).imap
    cast = copy.deepcopy(plain)
    cast.enable_layerwise_casting(storage_dtype=torch.bfloat16, compute_dtype=torch.float64)
    rounded = copy.deepcopy(plain)
    kept = ("norm", *cast._skip_layerwise_casting_patterns)
    for name, module in rounded.named_modules():
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.Conv3d)) and not any(pattern in name for pattern in kept):
            module.to(torch.bfloat16).double()
    assert_close(traced(architecture, cast, inputs).imap, traced(architecture, rounded, inputs).imap, 1e-6)
    for kind in ("block_level", "leaf_level"):
        offloaded = copy.deepcopy(plain)
        blocks = {"num_blocks_per_group": 1} if kind == "block_level" else {}
        offloaded.enable_group_offload(
            onload_device=torch.device("cpu"), offload_device=torch.device("cpu"), offload_type=kind, **blocks
        )
        assert_close(traced(architecture, offloaded, inputs).imap, expected, 1e-6)


def test_a_sequentially_offloaded_model_is_read(architecture: Architecture) -> None:
    transformer, inputs = in_fp64(architecture.transformer()), doubled(architecture.draw())
    expected = traced(architecture, transformer, inputs).imap
    cpu_offload(transformer, execution_device=torch.device("cpu"))
    assert next(getattr(transformer, architecture.blocks)[0].parameters()).is_meta
    assert_close(traced(architecture, transformer, inputs).imap, expected, 1e-6)


@pytest.mark.parametrize("norm", ["norm1", "norm2"])
@pytest.mark.parametrize("way", ["hook", "forward", "class"])
def test_what_changes_a_norm_of_the_prompt_changes_that_of_the_concepts(norm: str, way: str) -> None:
    """Modulation of text is linear: in these norms, or by their weights, it becomes the double."""
    changed, expected = (in_fp64(tiny_transformer()) for _ in range(2))
    for block in changed.transformer_blocks:
        double(getattr(block, norm), way)
    for block in expected.transformer_blocks:
        weight, bias = getattr(block, norm).linear.parameters()
        with torch.no_grad():
            shift, scale = slice(3 * 64, 4 * 64), slice(4 * 64, 5 * 64)
            weight[shift.start : scale.stop] *= 2
            bias[shift.start : scale.stop] *= 2
            bias[scale] += 1
    architecture = ARCHITECTURES["cogvideox"]
    inputs = doubled(architecture.draw())
    del inputs["image_rotary_emb"]
    found, same = (traced(architecture, transformer, inputs) for transformer in (changed, expected))
    for name in MAP_NAMES:
        assert_close(getattr(found, name), getattr(same, name), 1e-6)


def double(norm: CogVideoXLayerNormZero, way: str) -> None:
    """Let a norm return twice its text rows."""

    def doubling(rows: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        visual, text, *gates = rows
        return visual, 2 * text, *gates

    stock = norm.forward
    if way == "hook":
        norm.register_forward_hook(lambda module, args, output: doubling(output))
    elif way == "forward":
        norm.forward = lambda *args: doubling(stock(*args))
    else:
        own = {"forward": lambda self, *args: doubling(CogVideoXLayerNormZero.forward(self, *args))}
        norm.__class__ = type("Doubled", (CogVideoXLayerNormZero,), own)


@pytest.mark.parametrize("surrogates", ["argmax", "clip"])
def test_a_model_is_read_in_autocast(architecture: Architecture, surrogates: str) -> None:
    """Norms leave queries and keys in fp32 there, and attention is in bf16."""
    transformer, inputs = architecture.transformer(), architecture.draw()
    expected = traced(architecture, transformer, inputs, surrogates=surrogates)
    with torch.autocast("cpu", torch.bfloat16):
        found = traced(architecture, transformer, inputs, surrogates=surrogates)
    for name in architecture.maps[2:]:
        assert_close(getattr(found, name), getattr(expected, name), 0.1)


@pytest.mark.slow
@pytest.mark.usefixtures("fresh_compiler")
def test_a_compiled_model_is_compiled_once_for_all_steps() -> None:
    architecture, compiler = ARCHITECTURES["cogvideox"], CompileCounter()
    transformer, inputs = architecture.transformer(), architecture.draw()
    compiled, counts = torch.compile(transformer, backend=compiler), []
    with torch.no_grad(), imap_fast.trace(compiled, architecture.concepts(), **architecture.arguments):
        for _ in range(4):
            compiled(**inputs)
            counts.append(compiler.frame_count)
    assert counts[1:] == [counts[1]] * 3


@pytest.mark.slow
@pytest.mark.usefixtures("fresh_compiler")
def test_a_compiled_model_is_read_without_a_graph_break(architecture: Architecture) -> None:
    transformer = in_fp64(architecture.transformer(num_layers=2))
    inputs = doubled(architecture.draw(batch=2))

    def run(transformer: nn.Module) -> list[torch.Tensor]:
        timesteps = (torch.tensor([step, step]) for step in (900, 500))
        with torch.no_grad():
            return [transformer(**{**inputs, "timestep": timestep}).sample for timestep in timesteps]

    def traced_run(transformer: nn.Module) -> tuple[list[torch.Tensor], Tracer]:
        arguments = {**architecture.arguments, "layers": [0, 1], "guided": True}
        with imap_fast.trace(transformer, architecture.concepts(), **arguments) as tracer:
            return run(transformer), tracer

    compiled = torch.compile(transformer, backend="aot_eager", fullgraph=True)
    (expected, eager), (outputs, tracer) = traced_run(transformer), traced_run(compiled)
    for output, other in zip(outputs, expected, strict=True):
        assert_close(output, other, 1e-9)
    assert_close(tracer.maps.imap, eager.maps.imap, 1e-6)
    for output, other in zip(run(compiled), expected, strict=True):
        assert_close(output, other, 1e-9)


def test_a_bare_transformer_takes_positional_arguments() -> None:
    transformer = tiny_transformer()
    with torch.no_grad(), imap_fast.trace(transformer, torch.randn(2, 32), labels=["x", "y"], **READ) as tracer:
        transformer(torch.randn(1, 3, 4, 4, 6), torch.randn(1, 24, 32), torch.tensor([500]))
    assert tracer.maps.labels == ("x", "y")
    assert tracer.maps["y"].shape == (3, 2, 3)

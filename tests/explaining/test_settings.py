"""A run is resumed only with the settings that it began with, wherever they are kept."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline
from peft import LoraConfig
from torch import nn

import imap_fast
from imap_fast.explaining.fingerprint import fingerprint_of
from imap_fast.models import attention_backend
from tests.architectures import ARCHITECTURES
from tests.explaining.runs import explain
from tests.explaining.test_explain import ARGUMENTS, READ, clip
from tests.explaining.test_fingerprint import difference
from tests.pipelines import PIPELINES, PROMPT
from tests.tiny import tiny_pipeline

KINDS = ("text-1.0-rotary", "wan-text-2.2", "wan-image", "hunyuan-text", "hunyuan-image-tokens")
PROCESS = """
import json
from imap_fast.explaining.fingerprint import fingerprint_of
from tests.pipelines import PIPELINES
print(json.dumps(fingerprint_of(PIPELINES["hunyuan-image-tokens"][1]())))
"""


@pytest.fixture
def same_backend() -> Iterator[None]:
    """A backend that is set on one model is then that of all models."""
    registry = attention_backend._AttentionBackendRegistry
    before, _ = registry.get_active_backend()
    yield
    registry.set_active_backend(before)


class Observing:
    """A hook that is an object."""

    def __call__(self, module: nn.Module, args: tuple, output: Any) -> Any:
        return output


def tile_and_untile(pipeline: Any) -> None:
    pipeline.vae.enable_tiling(tile_sample_min_num_frames=4)
    pipeline.vae.disable_tiling()


def set_at(part: str, path: str, value: object) -> Callable[[Any], None]:
    """Sets an attribute of a module of a part of a pipeline."""
    *holder, name = path.split(".")
    return lambda pipeline: setattr(getattr(pipeline, part).get_submodule(".".join(holder)), name, value)


def hooked(register: str, hook: object) -> Callable[[Any], None]:
    return lambda pipeline: getattr(pipeline.transformer.transformer_blocks[1], register)(hook)


ACT = "encoder.block.0.layer.1.DenseReluDense.act"
CHANGES = {
    "epsilon-of-a-norm": ("transformer", set_at("transformer", "transformer_blocks.1.norm1.norm.eps", 0.1)),
    "epsilon-of-the-encoder": (
        "text_encoder",
        set_at("text_encoder", "encoder.final_layer_norm.variance_epsilon", 1.0),
    ),
    "activation": ("text_encoder", set_at("text_encoder", ACT, nn.SiLU())),
    "function": ("text_encoder", set_at("text_encoder", f"{ACT}.forward", torch.sigmoid)),
    "attention-of-the-encoder": ("text_encoder", lambda made: made.text_encoder.set_attn_implementation("eager")),
    "frames-of-the-vae": ("vae", set_at("vae", "num_sample_frames_batch_size", 4)),
    "padding-of-a-convolution": ("vae", set_at("vae", "encoder.conv_in.pad_mode", "replicate")),
    "hook": ("transformer", hooked("register_forward_hook", lambda *_: None)),
    "hook-before": ("transformer", hooked("register_forward_pre_hook", lambda *_: None)),
    "hook-that-is-an-object": ("transformer", hooked("register_forward_hook", Observing())),
    "hook-that-is-partial": ("transformer", hooked("register_forward_hook", functools.partial(Observing()))),
}


@pytest.mark.parametrize(("part", "change"), CHANGES.values(), ids=CHANGES)
def test_a_setting_of_any_module_is_named_by_its_part(part: str, change: Callable, pipeline: Any) -> None:
    before = fingerprint_of(pipeline)
    change(pipeline)
    assert difference(before, pipeline) == f"settings of the {part} changed"


def test_a_vae_that_once_had_tiles_is_another_one() -> None:
    pipeline = PIPELINES["hunyuan-text"][1]()
    before = fingerprint_of(pipeline)
    tile_and_untile(pipeline)
    assert difference(before, pipeline) == "settings of the vae changed"


def test_other_arguments_of_a_partial_function_are_another_setting(pipeline: Any) -> None:
    pipeline.transformer.gate = functools.partial(nn.functional.gelu, approximate="none")
    before = fingerprint_of(pipeline)
    pipeline.transformer.gate = functools.partial(nn.functional.gelu, approximate="none")
    assert fingerprint_of(pipeline) == before
    pipeline.transformer.gate = functools.partial(nn.functional.gelu, approximate="tanh")
    assert difference(before, pipeline) == "settings of the transformer changed"


def test_the_attention_backend_of_a_processor_is_a_setting(same_backend: None) -> None:
    pipeline = PIPELINES["wan-text"][1]()
    before = fingerprint_of(pipeline)
    pipeline.transformer.set_attention_backend("_native_math")
    assert difference(before, pipeline) == "settings of the transformer changed"
    pipeline.transformer.reset_attention_backend()
    assert fingerprint_of(pipeline) == before


def test_configs_of_transformers_and_image_processors_are_compared_entry_by_entry() -> None:
    pipeline = PIPELINES["hunyuan-image-tokens"][1]()
    before = fingerprint_of(pipeline)
    pipeline.text_encoder.config.vision_config.hidden_act = "gelu"
    pipeline.image_processor.image_mean = [0.5, 0.5, 0.5]
    assert difference(before, pipeline) == (
        "image_processor.image_mean was [0.48145466, 0.4578275, 0.40821073] and is [0.5, 0.5, 0.5]; "
        "text_encoder.vision_config.hidden_act was 'quick_gelu' and is 'gelu'"
    )


def test_settings_of_a_tokenizer_are_compared_one_by_one(pipeline: Any) -> None:
    before = fingerprint_of(pipeline)
    pipeline.tokenizer.padding_side = pipeline.tokenizer.truncation_side = "left"
    pipeline.tokenizer.model_max_length = 8
    pipeline.tokenizer.pad_token = "a"
    differences = difference(before, pipeline).split("; ")
    assert "tokenizer.padding_side was 'right' and is 'left'" in differences
    assert "tokenizer.truncation_side was 'right' and is 'left'" in differences
    assert "tokenizer.special_tokens.pad_token was '<pad>' and is 'a'" in differences
    assert differences[0].startswith("tokenizer.model_max_length was 1000")


def test_a_tokenizer_that_treats_a_text_otherwise_is_another_one(pipeline: Any) -> None:
    from tokenizers.normalizers import Lowercase

    before = fingerprint_of(pipeline)
    pipeline.tokenizer.backend_tokenizer.normalizer = Lowercase()
    assert difference(before, pipeline).startswith("tokenizer.tokens was [")


def test_another_method_of_the_pipeline_is_another_setting(pipeline: Any) -> None:
    before, stock = fingerprint_of(pipeline), pipeline.encode_prompt
    pipeline.encode_prompt = lambda *args, **kwargs: stock(*args, **kwargs)
    assert "pipeline.encode_prompt was None and is ['tests.explaining.test_settings." in difference(before, pipeline)


@pytest.mark.parametrize("kind", KINDS)
def test_a_trace_a_run_and_a_saved_copy_have_the_same_settings(kind: str, tmp_path: Path) -> None:
    architecture, make, _ = PIPELINES[kind]
    pipeline = make()
    before = fingerprint_of(pipeline)
    read = {**ARCHITECTURES[architecture].arguments, **ARCHITECTURES[architecture].sizes}
    with imap_fast.trace(pipeline, ["cat", "running"], **ARCHITECTURES[architecture].arguments):
        assert fingerprint_of(pipeline) == before
    imap_fast.explain(pipeline, clip(), PROMPT, ["cat", "running"], **read)
    assert fingerprint_of(pipeline) == before
    pipeline.save_pretrained(tmp_path)
    assert fingerprint_of(type(pipeline).from_pretrained(tmp_path)) == before


def test_what_changes_no_map_is_no_setting(pipeline: Any) -> None:
    before = fingerprint_of(pipeline)
    pipeline.vae.enable_slicing()
    pipeline.transformer.train().enable_gradient_checkpointing()
    pipeline.transformer.proj_out.extra_repr = lambda: "quantized"  # as torchao names it
    assert fingerprint_of(pipeline) == before


def test_compiled_modules_have_the_same_settings_and_weights(pipeline: Any, fresh_compiler: None) -> None:
    before, compiled = fingerprint_of(pipeline), functools.partial(torch.compile, backend="eager")
    pipeline.transformer.transformer_blocks[0].compile(backend="eager")
    pipeline.transformer.transformer_blocks[1].ff = compiled(pipeline.transformer.transformer_blocks[1].ff)
    pipeline.transformer = compiled(pipeline.transformer)
    pipeline.vae.encode = compiled(pipeline.vae.encode)
    assert fingerprint_of(pipeline) == before
    pipeline.transformer.register_forward_hook(Observing())
    assert difference(before, pipeline) == "settings of the transformer changed"


def test_a_hook_on_a_layer_of_an_adapter_that_does_not_run_counts(pipeline: Any) -> None:
    before = fingerprint_of(pipeline)
    pipeline.transformer.add_adapter(LoraConfig(r=2, target_modules=["to_q"]), adapter_name="detail")
    pipeline.transformer.disable_adapters()
    assert fingerprint_of(pipeline) == before
    pipeline.transformer.transformer_blocks[0].attn1.to_q.register_forward_hook(Observing())
    assert difference(before, pipeline) == "settings of the transformer changed"


@pytest.mark.slow
def test_another_process_finds_the_same() -> None:
    """No address of an object, and no order of a set."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    printed = {
        subprocess.run(
            [sys.executable, "-c", PROCESS],
            env={**environment, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1


def test_a_run_in_autocast_is_another_run(finished: Path, pipeline: DiffusionPipeline) -> None:
    explain(pipeline, finished)
    with torch.autocast("cpu", enabled=False):
        explain(pipeline, finished)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with pytest.raises(ValueError, match=r"settings: autocast was None and is 'torch\.bfloat16'; give another"):
            explain(pipeline, finished)


def test_the_attention_backend_of_all_models_is_compared(finished: Path, pipeline: Any, same_backend: None) -> None:
    PIPELINES["wan-text"][1]().transformer.set_attention_backend("_native_math")
    with pytest.raises(ValueError, match="active_attention_backend was 'native' and is '_native_math'; give another"):
        explain(pipeline, finished)


def test_a_model_that_drops_values_at_random_is_refused(pipeline: Any) -> None:
    pipeline.transformer.train()
    imap_fast.explain(pipeline, clip(), *ARGUMENTS, **READ)  # its dropout is 0
    pipeline.text_encoder.train()
    with pytest.raises(ValueError, match="the text_encoder is in training mode") as refused:
        imap_fast.explain(pipeline, clip(), *ARGUMENTS, **READ)
    assert str(refused.value) == (
        "the text_encoder is in training mode and drops values at random (text_encoder.encoder.block.0.layer.0."
        "SelfAttention.dropout=0.1), so the maps would differ each time; call eval() of the text_encoder"
    )
    pipeline.text_encoder.eval()
    pipeline.vae.encoder.dropping = nn.Dropout(0.5)
    with pytest.raises(ValueError, match=r"vae is .* \(vae.encoder.dropping.p=0.5\)"):
        imap_fast.explain(pipeline, clip(), *ARGUMENTS, **READ)


def test_dropout_of_an_adapter_counts_only_if_it_runs() -> None:
    pipeline = tiny_pipeline()
    dropping = LoraConfig(r=2, target_modules=["to_q"], lora_dropout=0.5)
    pipeline.transformer.add_adapter(dropping, adapter_name="detail")
    with pytest.raises(ValueError, match=r"lora_dropout.detail.p=0.5.*call eval\(\) of the transformer"):
        imap_fast.explain(pipeline, clip(), *ARGUMENTS, **READ)
    pipeline.transformer.disable_adapters()
    imap_fast.explain(pipeline, clip(), *ARGUMENTS, **READ)


@pytest.mark.parametrize("prompt", [["a cat", "a dog"], None, ("a cat",)], ids=str)
def test_a_video_has_one_prompt(prompt: object, pipeline: Any) -> None:
    with pytest.raises(TypeError, match="prompt must be one text for the whole video"):
        imap_fast.explain(pipeline, clip(), prompt, ["cat", "dog"], **READ)

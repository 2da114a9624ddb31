"""Resuming with other weights, adapters or configs is refused, and wherever the weights are, they are the same."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from accelerate import cpu_offload
from accelerate.hooks import remove_hook_from_submodules
from peft import LoraConfig
from torch import nn
from torch.testing._internal.two_tensor import TwoTensor

import imap_fast
from imap_fast.explaining.explainer import Explainer
from imap_fast.explaining.fingerprint import SAMPLES, fingerprint_of, schedule_of
from imap_fast.explaining.run_options import refuse_other_options
from imap_fast.loading import memory_modes, placement, quantization
from tests.architectures import Architecture
from tests.explaining.test_explain import ARGUMENTS, READ, clip
from tests.offloading import offload_to_disk
from tests.pipelines import PIPELINES
from tests.tiny import tiny_pipeline

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def before() -> dict[str, Any]:
    return fingerprint_of(tiny_pipeline())


def difference(before: dict[str, Any], pipeline: Any) -> str:
    with pytest.raises(ValueError, match="other settings: ") as refused:
        refuse_other_options("run", before, fingerprint_of(pipeline))
    return (
        str(refused.value).removeprefix("run holds a run with other settings: ").removesuffix("; give another folder")
    )


def add_lora(part: nn.Module, name: str = "detail") -> None:
    part.add_adapter(LoraConfig(r=2, target_modules=["to_q"], lora_alpha=4, init_lora_weights=False), adapter_name=name)


def scale(pipeline: Any, name: str, last: bool = False) -> None:
    """Change the first or the last of the weights."""
    weights = [weight for weight in getattr(pipeline, name).parameters() if weight.numel() > SAMPLES]
    with torch.no_grad():
        weights[-1 if last else 0].reshape(-1)[-1 if last else 0] += 1


@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
@pytest.mark.parametrize("part", ["transformer", "text_encoder", "vae"])
def test_other_weights_are_named_by_their_part(part: str, last: bool, before: dict) -> None:
    pipeline = tiny_pipeline()
    assert fingerprint_of(pipeline) == before
    scale(pipeline, part, last)
    assert difference(before, pipeline) == f"weights of the {part} changed"


def test_buffers_that_no_checkpoint_has_are_compared(before: dict) -> None:
    pipeline = tiny_pipeline()
    embedding = pipeline.transformer.patch_embed.pos_embedding
    assert "patch_embed.pos_embedding" not in pipeline.transformer.state_dict()
    embedding.mul_(0.5)
    assert difference(before, pipeline) == "weights of the transformer changed"


def test_the_second_transformer_counts_too() -> None:
    pipeline = PIPELINES["wan-text-2.2"][1]()
    first = fingerprint_of(pipeline)
    scale(pipeline, "transformer_2")
    assert difference(first, pipeline) == "weights of the transformer_2 changed"


@pytest.mark.parametrize("change", [nn.Module.half, nn.Module.bfloat16, nn.Module.double])
def test_other_dtypes_are_other_weights(change: Callable, before: dict) -> None:
    pipeline = tiny_pipeline()
    change(pipeline.vae)
    assert difference(before, pipeline) == "weights of the vae changed"


def test_the_scheduler_and_the_configs_are_compared_entry_by_entry(before: dict) -> None:
    pipeline = tiny_pipeline()
    pipeline.register_to_config(_name_or_path="elsewhere")
    pipeline.scheduler.register_to_config(_diffusers_version="0.1")
    assert fingerprint_of(pipeline) == before
    pipeline.scheduler.register_to_config(prediction_type="v_prediction")
    pipeline.vae.register_to_config(scaling_factor=2.0)
    said = "scheduler.prediction_type was 'epsilon' and is 'v_prediction'; vae.scaling_factor was 1.15258426 and is 2.0"
    assert difference(before, pipeline) == said


def test_lora_adapters_their_weights_and_scales(before: dict) -> None:
    pipeline = tiny_pipeline()
    transformer = pipeline.transformer
    add_lora(transformer)
    assert difference(before, pipeline).startswith("LoRA of the transformer.detail was None and is {'scales': [2.0]")
    with_lora = fingerprint_of(pipeline)
    transformer.set_adapters(["detail"], [0.5])
    assert difference(with_lora, pipeline) == "LoRA of the transformer.detail.scales was [2.0] and is [1.0]"
    transformer.set_adapters(["detail"], [1.0])
    assert fingerprint_of(pipeline) == with_lora
    add_lora(transformer, "other")
    transformer.set_adapters(["detail"])
    assert fingerprint_of(pipeline) == with_lora, "an adapter that does not run changes nothing"
    (first, *_) = (weight for name, weight in transformer.named_parameters() if "lora_A.detail" in name)
    with torch.no_grad():
        first.add_(1)
    assert difference(with_lora, pipeline) == "LoRA of the transformer.detail.weights changed"
    transformer.disable_adapters()
    assert fingerprint_of(pipeline) == before
    transformer.enable_adapters()
    transformer.fuse_lora()
    assert difference(before, pipeline) == "weights of the transformer changed"
    fused = fingerprint_of(pipeline)
    transformer.disable_adapters()
    assert "LoRA of the transformer.detail was None" in difference(fused, pipeline), "peft takes it out when it runs"


def model_offload(pipeline: Any) -> None:
    from accelerate import cpu_offload_with_hook

    for part in (pipeline.text_encoder, pipeline.transformer, pipeline.vae):
        cpu_offload_with_hook(part, CPU)


def sequential_offload(pipeline: Any) -> None:
    """As the pipeline does, which refuses a CPU."""
    for part in (pipeline.text_encoder, pipeline.transformer, pipeline.vae):
        cpu_offload(part, CPU, offload_buffers=len(part._parameters) > 0)
        assert next(part.parameters()).is_meta


OFFLOADS = {
    "full": lambda pipeline: None,
    "model-offload": model_offload,
    "group-offload": lambda pipeline: placement.group_offload(pipeline, CPU),
    "sequential-offload": sequential_offload,
}


@pytest.mark.parametrize("mode", memory_modes.MODES)
def test_it_is_the_same_in_every_memory_mode_before_and_after_a_run(mode: str, before: dict) -> None:
    pipeline = tiny_pipeline()
    OFFLOADS[mode](pipeline)
    assert fingerprint_of(pipeline) == before
    imap_fast.explain(pipeline, clip(), *ARGUMENTS, **READ)
    assert fingerprint_of(pipeline) == before


def test_adapters_are_found_when_they_are_offloaded(tmp_path) -> None:
    pipeline = tiny_pipeline()
    add_lora(pipeline.transformer)
    on_device = fingerprint_of(pipeline)
    sequential_offload(pipeline)
    assert fingerprint_of(pipeline) == on_device
    remove_hook_from_submodules(pipeline.transformer)
    offload_to_disk(pipeline.transformer, tmp_path)
    assert fingerprint_of(pipeline) == on_device


@pytest.mark.parametrize("offload_type", ["block_level", "leaf_level"])
def test_weights_on_disk_are_read_there(offload_type: str, before: dict, tmp_path) -> None:
    pipeline = tiny_pipeline()
    offload_to_disk(pipeline.transformer, tmp_path, offload_type=offload_type)
    assert fingerprint_of(pipeline) == before
    imap_fast.explain(pipeline, clip(), *ARGUMENTS, **READ)
    assert fingerprint_of(pipeline) == before
    next(tmp_path.iterdir()).unlink()
    with pytest.raises(OSError, match="No such file"):
        fingerprint_of(pipeline)


def test_weights_that_are_nowhere_are_refused() -> None:
    pipeline = tiny_pipeline()
    pipeline.vae.to("meta")
    with pytest.raises(
        ValueError, match=r"the weights of the AutoencoderKLCogVideoX are not loaded \(.* is on the device meta\)"
    ):
        fingerprint_of(pipeline)


def test_weights_cast_layer_by_layer_are_compared_as_they_are_stored(before: dict) -> None:
    pipeline = tiny_pipeline()
    pipeline.transformer.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.float32)
    stored = fingerprint_of(pipeline)
    assert difference(before, pipeline) == "weights of the transformer changed"
    imap_fast.explain(pipeline, clip(), *ARGUMENTS, **READ)
    assert fingerprint_of(pipeline) == stored
    scale_of = next(weight for weight in pipeline.transformer.parameters() if weight.dtype == torch.float8_e4m3fn)
    scale_of.data.view(torch.uint8).reshape(-1)[0] ^= 1
    assert difference(stored, pipeline) == "weights of the transformer changed"


@pytest.mark.parametrize("kind", memory_modes.QUANTIZED[1:])
def test_quantized_weights_are_compared(kind: str, architecture: Architecture) -> None:
    pytest.importorskip("torchao", reason="an extra: imap-fast[quantize]")
    pipeline = architecture.pipeline()
    plain = fingerprint_of(pipeline)
    quantization.quantize(pipeline, kind)
    assert difference(plain, pipeline) == "weights of the transformer changed"
    assert fingerprint_of(copy.deepcopy(pipeline)) == fingerprint_of(pipeline)


def test_a_weight_of_several_tensors_is_read_as_it_is_stored(monkeypatch) -> None:
    """As those of torchao are: no operation of the whole, which would restore the weights."""
    pipeline = tiny_pipeline()
    linear = pipeline.transformer.proj_out
    halves = linear.weight.detach(), torch.ones_like(linear.weight)
    linear.weight = nn.Parameter(TwoTensor(*halves), requires_grad=False)
    monkeypatch.setattr(TwoTensor, "__torch_dispatch__", lambda *_: pytest.fail("restored"))
    quantized = fingerprint_of(pipeline)
    for half in halves:
        half.neg_()
        assert difference(quantized, pipeline) == "weights of the transformer changed"
        half.neg_()
    assert fingerprint_of(pipeline) == quantized


def test_each_device_is_read_once(monkeypatch) -> None:
    copies, copy_to_cpu = [], torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: copies.append(tensor.numel()) or copy_to_cpu(tensor))
    pipeline = tiny_pipeline()
    fingerprint_of(pipeline)
    assert len(copies) == 1
    tensors = sum(len(part.state_dict()) for part in pipeline.components.values() if isinstance(part, nn.Module))
    assert copies[0] < 2 * SAMPLES * tensors


@pytest.mark.slow
def test_a_run_resumes_with_its_weights_only_though_its_text_encoder_is_released(tmp_path) -> None:
    pipeline, folder = tiny_pipeline(), tmp_path / "run"
    with Explainer(pipeline, *ARGUMENTS, release_text_encoder=True, **READ) as explainer:
        maps = explainer.explain(clip(13), folder=folder)
        assert pipeline.text_encoder is None
        explainer.explain(clip(13), folder=tmp_path / "second")
    again = imap_fast.explain(tiny_pipeline(), clip(13), *ARGUMENTS, folder=folder, **READ)
    assert torch.equal(again.imap, maps.imap)
    other = tiny_pipeline()
    scale(other, "transformer", last=True)
    for each in (folder, tmp_path / "second"):
        with pytest.raises(ValueError, match="other settings: weights of the transformer changed; give another folder"):
            imap_fast.explain(other, clip(13), *ARGUMENTS, folder=each, **READ)
    other = tiny_pipeline()
    other.vae.enable_tiling()
    with pytest.raises(ValueError, match=r"vae_tiling was None and is \{'tile_sample_min_height': 16"):
        imap_fast.explain(other, clip(13), *ARGUMENTS, folder=folder, **READ)


def test_another_schedule_or_vocabulary_is_another_run() -> None:
    """Also one that no config names."""
    pipeline = tiny_pipeline()
    scheduler = copy.deepcopy(pipeline.scheduler)
    before = schedule_of(scheduler)
    assert schedule_of(copy.deepcopy(scheduler)) == before
    scheduler.alphas_cumprod = scheduler.alphas_cumprod * 0.99
    assert schedule_of(scheduler) != before
    found = fingerprint_of(pipeline)
    pipeline.tokenizer.add_tokens(["alpaca"])
    assert difference(found, pipeline) == "vocabulary of the tokenizer changed"

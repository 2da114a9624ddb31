"""The fingerprint of a pipeline: what of it determines its maps, component by component."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin
from torch import Tensor, nn

from imap_fast.models.stored_weights import StoredWeights

SAMPLES = 64
"""About as many values of a tensor are read."""

_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Integers of the same size as a value, in bytes: every device can copy them."""


def fingerprint_of(pipe: Any) -> dict[str, Any]:
    """The classes and configs of a pipeline and its parts, its running LoRA adapters, and digests of its weights.

    Weights are sampled: about `SAMPLES` values of each tensor, evenly spaced. So another checkpoint, a fine-tuned model
    and a fused LoRA differ; a change of few values may not be seen. It does not matter on which device the weights are,
    or whether they are offloaded. Quantized weights are read as they are stored.

    Returns:
        JSON values: a class with its config for `pipeline` and each part of diffusers; a digest of each
        `vocabulary of the <tokenizer>`; and for each model
        `weights of the <part>`, a digest, and `LoRA of the <part>`, the scales and a digest by adapter.

    Raises:
        ValueError: weights are not loaded.
    """
    # Sorted: diffusers names the parts in another order each time.
    parts = {name: getattr(part, "_orig_mod", part) for name, part in sorted(pipe.components.items())}
    found: dict[str, Any] = {"pipeline": _class_and_config(pipe, without=parts.keys())}
    # Sizes and factors that a pipeline keeps from its parts, such as `vae_scaling_factor_image`.
    found["pipeline"] |= {name: value for name, value in vars(pipe).items() if name.startswith("vae_scal")}
    found |= {name: _class_and_config(part) for name, part in parts.items() if isinstance(part, ConfigMixin)}
    weights: list[_Weight] = []
    for name, part in parts.items():
        if name.startswith("tokenizer") and part is not None:
            found[f"vocabulary of the {name}"] = _digest_of_vocabulary(part)
        if isinstance(part, nn.Module):
            found |= {f"weights of the {name}": None, f"LoRA of the {name}": {}}
            weights += _weights(name, part)
    scales: dict[tuple[str, str | None], list[float]] = {}
    for weight in weights:
        key = weight.model, weight.adapter
        scales[key] = sorted({*scales.get(key, ()), weight.scale})
    digests = {key: hashlib.sha256() for key in scales}
    for weight, values in zip(weights, _on_cpu([weight.sample for weight in weights]), strict=True):
        key = weight.model, weight.adapter
        # Which of the scales, so that another scale of the whole adapter is no other weight.
        digests[key].update(f"{weight.description} {scales[key].index(weight.scale)}\n".encode())
        digests[key].update(values.numpy().data)
    for (model, adapter), digest in digests.items():
        if adapter is None:
            found[f"weights of the {model}"] = digest.hexdigest()
        else:
            found[f"LoRA of the {model}"][adapter] = {"scales": scales[model, adapter], "weights": digest.hexdigest()}
    return json.loads(json.dumps(found, default=str))


def _class_and_config(part: Any, without: Sequence[str] | Any = ()) -> dict[str, Any]:
    """The class and the config, without what says where they came from."""
    config = {name: value for name, value in part.config.items() if name[0] != "_" and name not in without}
    arrays = {name: value.tolist() for name, value in config.items() if hasattr(value, "tolist")}
    return {"class": type(part).__name__, **config, **arrays}


def _digest_of_vocabulary(tokenizer: Any) -> str:
    return hashlib.sha256(json.dumps(sorted(tokenizer.get_vocab().items())).encode()).hexdigest()


def schedule_of(scheduler: Any) -> str:
    """A digest of the tensors and arrays of a scheduler: its timesteps, and the noise of each of them."""
    values = {name: value for name, value in sorted(vars(scheduler).items()) if hasattr(value, "tolist")}
    lists = {name: value.tolist() for name, value in values.items()}
    return hashlib.sha256(json.dumps(lists).encode()).hexdigest()


@dataclass
class _Weight:
    """A tensor of a model.

    Attributes:
        model: the name of the model.
        adapter: the adapter that it belongs to. None: the model itself.
        scale: of the adapter in its layer.
        description: its name, dtype and shape.
        sample: some of its values, int64.
    """

    model: str
    adapter: str | None
    scale: float
    description: str
    sample: Tensor


def _weights(model: str, module: nn.Module) -> Iterator[_Weight]:
    """The tensors of the state dict of a model, except those of adapters that do not run."""
    tuner = getattr(sys.modules.get("peft.tuners.tuners_utils"), "BaseTunerLayer", ())
    tuned = {path: _running_adapters(layer) for path, layer in module.named_modules() if isinstance(layer, tuner)}
    stored_weights = StoredWeights(module)
    for path, layer in module.named_modules():
        buffers = {name: layer._buffers[name] for name in layer._buffers.keys() - layer._non_persistent_buffers_set}
        for name, tensor in {**layer._parameters, **dict(sorted(buffers.items()))}.items():
            if tensor is None:
                continue
            names = (*path.split("."), name) if path else (name,)
            place, adapter, scale = _place(names, tuned)
            if adapter is not None and scale is None:
                continue
            for plain in _plain_tensors(stored_weights.of(layer, name)):
                description = f"{place} {plain.dtype} {list(plain.shape)}"
                yield _Weight(model, adapter, scale or 0.0, description, _sample(plain))


def _running_adapters(layer: Any) -> dict[str, float]:
    """The scales of the adapters that a layer of peft adds when it runs.

    A fused adapter is in the weights already. If it is disabled, too, the layer takes it out when it runs: scale 0.
    """
    if layer.disable_adapters:
        return dict.fromkeys(layer.merged_adapters, 0.0)
    if layer.merged:
        return {}
    return {name: float(layer.scaling[name]) for name in layer.active_adapters if name in layer.scaling}


def _place(names: tuple[str, ...], tuned: dict[str, dict[str, float]]) -> tuple[str, str | None, float | None]:
    """The name that a tensor has without adapters, and the adapter that it belongs to with its scale if it runs.

    A layer of peft holds the stock layer as `base_layer`, and beside it for example `lora_A.<adapter>`.
    """
    kept: list[str] = []
    for depth, name in enumerate(names):
        if ".".join(names[:depth]) in tuned:
            if name != "base_layer":
                adapter = names[depth + 1] if depth + 1 < len(names) else name
                return ".".join((*kept, *names[depth:])), adapter, tuned[".".join(names[:depth])].get(adapter)
            continue
        kept.append(name)
    return ".".join(kept), None, None


def _plain_tensors(tensor: Tensor) -> Iterator[Tensor]:
    """The tensors of which a quantized one consists."""
    if not hasattr(tensor, "__tensor_flatten__"):
        with torch._C.DisableTorchFunctionSubclass():
            yield tensor.detach().as_subclass(Tensor)
        return
    for name in tensor.__tensor_flatten__()[0]:
        yield from _plain_tensors(getattr(tensor, name))


def _sample(tensor: Tensor) -> Tensor:
    """Evenly spaced values of a tensor, the first and the last included, as int64 with the same bits."""
    values = (torch.view_as_real(tensor) if tensor.is_complex() else tensor).reshape(-1)
    values = values.view(_INTEGERS[values.element_size()])
    # An odd step does not stay in one column of a matrix.
    return torch.cat([values[:: len(values) // SAMPLES | 1], values[-1:]]).long()


def _on_cpu(tensors: list[Tensor]) -> list[Tensor]:
    """Copy tensors to the CPU, at once from each device."""
    copies: dict[int, Tensor] = {}
    for device in {tensor.device for tensor in tensors}:
        here = [index for index, tensor in enumerate(tensors) if tensor.device == device]
        joined = torch.cat([tensors[index] for index in here]).cpu()
        copies |= zip(here, joined.split([len(tensors[index]) for index in here]), strict=True)
    return [copies[index] for index in range(len(tensors))]

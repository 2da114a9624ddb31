"""The fingerprint of a pipeline: what of it determines its maps, component by component."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin
from torch import Tensor, nn

from imap_fast.explaining.module_settings import digest_of_settings, settings_of
from imap_fast.models.running_adapters import RunningAdapters
from imap_fast.models.stored_weights import StoredWeights
from imap_fast.text.encoder_checks import own_tokenizer

SAMPLES = 64
"""About as many values of a tensor are read."""

ORIGIN = ("architectures", "dtype", "torch_dtype", "transformers_version")
"""What a config of transformers says of its file. The dtype is that of the weights."""

TEXT = " An Alpaca\u2019s  na\u00efve run,\nin 4K! "
"""A text with much that tokenizers treat differently."""

_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Integers of the same size as a value, in bytes: every device can copy them."""


def fingerprint_of(pipe: Any, vae: nn.Module | None = None) -> dict[str, Any]:
    """What of a pipeline and its parts determines the maps: classes, configs, settings, running LoRA adapters, weights.

    Weights are sampled: about `SAMPLES` values of each tensor, evenly spaced. So another checkpoint, a fine-tuned model
    and a fused LoRA differ; a change of few values may not be seen. It does not matter on which device the weights are,
    or whether they are offloaded. Quantized weights are read as they are stored. Settings are those of every module
    (`imap_fast.explaining.module_settings`).

    Args:
        pipe: a pipeline.
        vae: a module that encodes in place of that of the pipeline. It is the part `other vae`.

    Returns:
        JSON values: a class with its config for `pipeline` and each part; a digest of each
        `vocabulary of the <tokenizer>`; and for each model `settings of the <part>` and `weights of the <part>`, both
        digests, and `LoRA of the <part>`, the scales and a digest by adapter.

    Raises:
        ValueError: weights are not loaded.
    """
    # Sorted: diffusers names the parts in another order each time.
    components = dict(sorted(pipe.components.items()))
    found: dict[str, Any] = {"pipeline": _class_and_config(pipe, without=components.keys())}
    # Such as the sizes and factors that a pipeline keeps from its parts.
    found["pipeline"] |= settings_of(pipe, without=components.keys())
    if vae is not None:
        components["other vae"] = vae
    parts = {name: getattr(part, "_orig_mod", part) for name, part in components.items()}
    weights: list[_Weight] = []
    for name, part in parts.items():
        if part is None:
            continue
        if name.startswith("tokenizer"):
            found[name] = _settings_of_tokenizer(part)
            found[f"vocabulary of the {name}"] = _digest_of_vocabulary(part)
        else:
            found[name] = _class_and_config(part)
        if isinstance(part, nn.Module):
            found[f"settings of the {name}"] = digest_of_settings(components[name])  # hooks of its wrapper, too
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


def _class_and_config(part: Any, without: Collection[str] = ()) -> dict[str, Any]:
    """The class and the config, without what says where they came from."""
    config = part.config if isinstance(part, ConfigMixin) else {}
    # Models of transformers have a config; its image processors are one.
    to_dict = getattr(getattr(part, "config", part), "to_dict", None)
    if to_dict is not None:
        config = to_dict()
    return {"class": type(part).__name__, **_without_origin(config, without)}


def _without_origin(config: Mapping[str, Any], without: Collection[str] = ()) -> dict[str, Any]:
    kept = {}
    for name, value in config.items():
        if str(name).startswith("_") or name in ORIGIN or name in without:
            continue
        if isinstance(value, Mapping):
            value = _without_origin(value)
        kept[name] = value.tolist() if hasattr(value, "tolist") else value
    return kept


def _settings_of_tokenizer(tokenizer: Any) -> dict[str, Any]:
    tokenizer = own_tokenizer(tokenizer)
    names = ("padding_side", "truncation_side", "model_max_length")
    return {
        "class": type(tokenizer).__name__,
        **{name: getattr(tokenizer, name) for name in names},
        "special_tokens": tokenizer.special_tokens_map,
        # What it adds, drops or changes in a text shows here, whichever setting does it.
        "tokens": tokenizer(TEXT).input_ids,
    }


def _digest_of_vocabulary(tokenizer: Any) -> str:
    return hashlib.sha256(json.dumps(sorted(own_tokenizer(tokenizer).get_vocab().items())).encode()).hexdigest()


def tiling_of(vae: Any) -> dict[str, Any] | None:
    """The sizes of the tiles in which a VAE encodes, or None without tiles."""
    if not getattr(vae, "use_tiling", False):
        return None
    return {name: size for name, size in vars(vae).items() if name.startswith("tile_")}


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
    """The parameters and buffers of a model, except those of adapters that do not run.

    Buffers that no checkpoint has are among them: a position embedding may be changed, too.
    """
    adapters, stored_weights = RunningAdapters(module), StoredWeights(module)
    for path, layer in module.named_modules():
        for name, tensor in {**layer._parameters, **layer._buffers}.items():
            if tensor is None:
                continue
            place, adapter, scale = adapters.place(f"{path}.{name}" if path else name)
            if adapter is not None and scale is None:
                continue
            for plain in _plain_tensors(stored_weights.of(layer, name)):
                description = f"{place} {plain.dtype} {list(plain.shape)}"
                yield _Weight(model, adapter, scale or 0.0, description, _sample(plain))


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

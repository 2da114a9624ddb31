"""The settings of the modules of a model: what determines its output besides its weights."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Collection, Iterator
from typing import Any

from torch import nn

from imap_fast.models.running_adapters import RunningAdapters
from imap_fast.models.tap import TappedAttention

CHANGES_NOTHING = ("extra_repr", "gradient_checkpointing", "lora_scale", "name_or_path", "training", "use_slicing")
"""Attributes that change no map. Dropout in training mode is refused, the weights hold a fused LoRA with its scale, and
windows are encoded one by one."""

LIBRARIES = ("accelerate", "diffusers", "imap_fast", "peft", "transformers")
"""Their hooks move and cast weights, or read values; they come and go with a trace, a run or a memory mode."""


def digest_of_settings(model: nn.Module) -> str:
    """A digest of the class, settings and hooks of each module of a model.

    It is the same wherever the weights are, before, during and after a trace, compiled or not, and in each process.
    Adapters that do not run are left out. Of a function, only the name counts.
    """
    digest = hashlib.sha256()
    for place, module in RunningAdapters(model).modules():
        hooks = list(_hooks(module))
        described: dict[str, Any] = {"hooks": hooks} if hooks else {}
        if not RunningAdapters.is_wrapper(module):
            # How transformers attend, which is not written with a config.
            attention = getattr(vars(module).get("config"), "_attn_implementation", None)
            described |= {"class": _name(type(module)), "attention": attention, "settings": settings_of(module)}
        if described:
            digest.update(json.dumps([place, described], sort_keys=True).encode())
    return digest.hexdigest()


def settings_of(holder: Any, without: Collection[str] = ()) -> dict[str, Any]:
    """The settings that a module or a pipeline holds as public attributes, as JSON values.

    Settings are truth values, numbers, texts and lists of these. Methods in place of those of the class, functions and
    callable objects are there by their name; an object also has its own settings.
    """
    found = {}
    for name, value in vars(holder).items():
        if name[0] == "_" or name in CHANGES_NOTHING or name in without or isinstance(value, nn.Module):
            continue
        while isinstance(value, TappedAttention):
            value = value.stock
        if value is not None and _is_plain(value):
            found[name] = value
        elif callable(value) and _name(value) != _name(getattr(type(holder), name, None)):
            found[name] = _name(value), _settings_of_callable(value)
    return found


def _is_plain(value: object) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def _settings_of_callable(value: Any) -> dict[str, Any]:
    """The settings of an object or a partial function. An attention processor keeps its backend in a private one."""
    if isinstance(value, functools.partial):
        settings = value.keywords
    else:
        settings = {} if hasattr(value, "__qualname__") else getattr(value, "__dict__", {})
    return {name: each for name, each in settings.items() if each is not None and _is_plain(each)}


def _hooks(module: nn.Module) -> Iterator[str]:
    """The names of the hooks around the forward pass of a module that are of no library."""
    for hook in (*module._forward_pre_hooks.values(), *module._forward_hooks.values()):
        name = _name(hook)
        if name.partition(".")[0] not in LIBRARIES:
            yield name


def _name(value: Any) -> str:
    """The qualified name of a class or function, or of the class of another object."""
    while isinstance(value, functools.partial) and not hasattr(value, "__qualname__"):
        value = value.func
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"

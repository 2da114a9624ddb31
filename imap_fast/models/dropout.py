"""Dropout, which gives other values at each call while a model is in training mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from imap_fast.models.running_adapters import RunningAdapters


def refuse_dropout(parts: Mapping[str, Any]) -> None:
    """Raise ValueError if a model among the parts of a pipeline drops values at random.

    Adapters that do not run may.
    """
    for name, part in parts.items():
        if not isinstance(part, nn.Module):
            continue
        for place, module in RunningAdapters(part).modules():
            if module.training and (found := _dropout(module)) is not None:
                setting, probability = found
                where = ".".join(filter(None, (name, place, setting)))
                raise ValueError(
                    f"the {name} is in training mode and drops values at random ({where}={probability}), so the maps "
                    f"would differ each time; call eval() of the {name}"
                )


def _dropout(module: nn.Module) -> tuple[str, float] | None:
    """The first setting of a module that is a probability of dropout above 0, and its value."""
    is_dropout = isinstance(module, nn.modules.dropout._DropoutNd)
    for name, value in vars(module).items():
        # Many attentions pass theirs to a function, as `dropout` or `attention_dropout`.
        if ("dropout" in name or (is_dropout and name == "p")) and type(value) in (int, float) and value > 0:
            return name, value
    return None

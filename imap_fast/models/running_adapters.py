"""The adapters of peft in a model: which of them run, and the names that its modules have without them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from torch import nn


class RunningAdapters:
    """The adapters that a model adds when it runs.

    Args:
        model: with or without adapters, compiled or not.

    Attributes:
        scales: of each adapter that runs, by the path of its layer.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        layers, tuner = model.named_modules(), _tuner_layer()
        self.scales = {path: _running(layer) for path, layer in layers if isinstance(layer, tuner)}

    def place(self, path: str) -> tuple[str, str | None, float | None]:
        """The name that a module or tensor has without adapters, and its adapter, with its scale if it runs.

        A layer of peft holds the stock layer as `base_layer`, and beside it for example `lora_A.<adapter>`. A compiled
        module holds the stock one as `_orig_mod`.
        """
        kept: list[str] = []
        names = path.split(".")
        for depth, name in enumerate(names):
            if name == "_orig_mod":
                continue
            running = self.scales.get(".".join(names[:depth]))
            if running is None:
                kept.append(name)
            elif name != "base_layer":
                adapter = names[depth + 1] if depth + 1 < len(names) else name
                return ".".join((*kept, *names[depth:])), adapter, running.get(adapter)
        return ".".join(kept), None, None

    def modules(self) -> Iterator[tuple[str, nn.Module]]:
        """Every module with its `place`, except those of adapters that do not run."""
        for path, module in self._model.named_modules():
            place, adapter, scale = self.place(path)
            if adapter is None or scale is not None:
                yield place, module

    @staticmethod
    def is_wrapper(module: nn.Module) -> bool:
        """Whether a module only holds the stock one: a layer of peft, or what `torch.compile` returns."""
        return isinstance(module, _tuner_layer()) or "_orig_mod" in module._modules


def _tuner_layer() -> Any:
    """The class of the layers of peft, or no class if nothing has imported it."""
    return getattr(sys.modules.get("peft.tuners.tuners_utils"), "BaseTunerLayer", ())


def _running(layer: Any) -> dict[str, float]:
    """The scales of the adapters that a layer of peft adds when it runs.

    A fused adapter is in the weights already. If it is disabled, too, the layer takes it out when it runs: scale 0.
    """
    if layer.disable_adapters:
        return dict.fromkeys(layer.merged_adapters, 0.0)
    if layer.merged:
        return {}
    return {name: float(layer.scaling[name]) for name in layer.active_adapters if name in layer.scaling}

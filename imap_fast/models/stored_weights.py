"""The weights of a model where they are while it does not run: in memory, in a hook of accelerate, or on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import Tensor, nn


class StoredWeights:
    """The weights of a model, whether or not they are offloaded. They are read as they are stored.

    Args:
        model: a model with all its modules.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = type(model).__name__
        self._on_disk = {id(tensor): place for module in model.modules() for tensor, place in _files_of(module)}

    def of(self, module: nn.Module, name: str) -> Tensor:
        """A parameter or buffer of a module of the model.

        Raises:
            ValueError: it is not loaded.
            OSError: the file to which it is offloaded cannot be read.
        """
        tensor: Tensor = getattr(module, name)
        if id(tensor) in self._on_disk:
            path, key = self._on_disk[id(tensor)]
            with safe_open(path, "pt") as file:
                return file.get_tensor(key)
        if not tensor.is_meta:
            return tensor
        hook = getattr(module, "_hf_hook", None)
        for each in getattr(hook, "hooks", (hook,)):
            kept = getattr(each, "weights_map", None)
            if kept is not None and name in kept:
                return kept[name]
        raise ValueError(
            f"the weights of the {self._model} are not loaded ({name} is on the device meta); load them first"
        )


def _files_of(module: nn.Module) -> list[tuple[Tensor, tuple[Path, str]]]:
    """The tensors that diffusers offloads to disk when this module ends, with their file and their name in it.

    In memory it leaves tensors of any values (`offload_to_disk_path` of `apply_group_offloading`).
    """
    registry = vars(module).get("_diffusers_hook")
    found = []
    for hook in () if registry is None else registry.hooks.values():
        group: Any = getattr(hook, "group", None)
        if getattr(group, "_is_offloaded_to_disk", False):
            path = Path(group.safetensors_file_path)
            found += [(tensor, (path, key)) for tensor, key in group.tensor_to_key.items()]
    return found

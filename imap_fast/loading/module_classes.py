"""The classes of the parts of a pipeline that have weights."""

import importlib
from typing import Any

import diffusers.pipelines
from diffusers import DiffusionPipeline
from torch import nn

LIBRARIES = ("diffusers", "transformers")
"""Those whose classes are looked up. The pipeline itself loads, or refuses, what is of another library."""


def module_classes(source: str) -> dict[str, Any]:
    """The class of each part that has weights, by its name in the index of a pipeline.

    Args:
        source: a folder or a Hugging Face id.
    """
    classes = {name: _class_of(entry) for name, entry in DiffusionPipeline.load_config(source).items()}
    return {name: kind for name, kind in classes.items() if isinstance(kind, type) and issubclass(kind, nn.Module)}


def _class_of(entry: Any) -> Any:
    if not isinstance(entry, (list, tuple)) or len(entry) != 2:
        return None
    library, name = map(str, entry)
    if library in LIBRARIES:
        return getattr(importlib.import_module(library), name, None)
    # Classes that one pipeline alone uses, as LTX-2 its connectors, are in the module of its pipelines.
    return getattr(getattr(diffusers.pipelines, library, None), name, None)

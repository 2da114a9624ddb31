"""Loads the parts of a pipeline that have weights, and refuses those that are not whole."""

from typing import Any

import torch
from torch import nn

from imap_fast.complete_weights import check_complete
from imap_fast.loading.module_classes import module_classes


def load_parts(source: str, dtype: torch.dtype) -> dict[str, nn.Module]:
    """Load each part that has weights, by its name.

    A pipeline would load them itself, and not tell which tensors their files lack: libraries draw those at random.
    Weights are read from safetensors only.

    Args:
        source: a folder or a Hugging Face id.
        dtype: of the weights.

    Raises:
        ValueError: a tensor is missing.
    """
    return {name: _load(name, kind, source, dtype) for name, kind in module_classes(source).items()}


def _load(name: str, kind: Any, source: str, dtype: torch.dtype) -> nn.Module:
    part, info = kind.from_pretrained(
        source,
        subfolder=name,
        torch_dtype=dtype,
        use_safetensors=True,
        low_cpu_mem_usage=True,  # transformers 4 would first fill every tensor at random
        output_loading_info=True,
    )
    check_complete(name, source, part, info)
    return part

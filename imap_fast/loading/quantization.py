"""Weights in 8 bits."""

from __future__ import annotations

import importlib.util
from typing import Any


def quantize(pipe: Any, kind: str) -> None:
    """Store the weights of the linear layers of the transformers in 8 bits, by torchao. Activations are unchanged.

    Args:
        pipe: a pipeline.
        kind: one of `imap_fast.loading.memory_modes.QUANTIZED`.

    Raises:
        ValueError: torchao is not installed.
    """
    if kind == "none":
        return
    if importlib.util.find_spec("torchao") is None:
        raise ValueError(f"--quantize {kind} needs torchao; pip install 'imap-fast[quantize]'")
    from torchao.quantization import Float8WeightOnlyConfig, Int8WeightOnlyConfig, quantize_

    config = {"int8": Int8WeightOnlyConfig, "fp8": Float8WeightOnlyConfig}[kind]()
    for name in ("transformer", "transformer_2"):
        if getattr(pipe, name, None) is not None:
            quantize_(getattr(pipe, name), config)

"""The names of the memory modes and of the quantizations, and which mode fits."""

from collections.abc import Sequence

MODES = ("full", "model-offload", "group-offload", "sequential-offload")
"""Where the weights are while a pipeline runs, from the fastest mode to the smallest: all on the device; one model at a
time; one layer at a time, moved by diffusers; one layer at a time, moved by accelerate."""

QUANTIZED = ("none", "int8", "fp8")
"""How the weights of the transformer are stored."""

WEIGHTS_SHARE = 0.8
"""The share of GPU memory that weights may take. Activations need the rest."""


def fitting_mode(parts: Sequence[int], memory: int) -> str:
    """The first mode whose weights fit a GPU.

    Args:
        parts: bytes of the weights of each model of a pipeline.
        memory: bytes that are free.
    """
    room = WEIGHTS_SHARE * memory
    return "full" if sum(parts) <= room else "model-offload" if max(parts) <= room else "group-offload"

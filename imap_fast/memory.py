"""Where a pipeline's weights are while it runs, and how much of it the device takes."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch

MODES = ("full", "model-offload", "group-offload", "sequential-offload")
"""Where weights are while a pipeline runs, from the fastest to the smallest: all on the device; one model at a time;
one layer at a time, moved by diffusers; the same, moved by accelerate."""

QUANTIZED = ("none", "int8", "fp8")

MOST_WINDOWS = 16
"""In a batch; by then a GPU has all it can work on."""

SPARE = 0.9
"""Of the free memory, what is counted on: allocators lose some between tensors."""


class PeakMeter:
    """Measures what a window takes on the device, from here on."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self.held = torch.cuda.memory_allocated(device)

    def windows_that_fit(self) -> int:
        """How many windows like the one just passed fit in the free memory together; 1 on a CPU."""
        if self.device.type != "cuda":
            return 1
        taken = torch.cuda.max_memory_allocated(self.device) - self.held
        free, _ = torch.cuda.mem_get_info(self.device)
        # What the allocator keeps without using it is free, too.
        free += torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        return max(1, min(MOST_WINDOWS, int(SPARE * free / max(taken, 1))))


def place(pipe: Any, device: torch.device, mode: str) -> None:
    """Brings a pipeline to a device in one of `MODES`; but for "full", its VAE works by tiles and slices.

    Raises:
        ValueError: weights are to be offloaded from a CPU.
    """
    if mode == "full":
        pipe.to(device)
        return
    if device.type == "cpu":
        raise ValueError(f"--memory {mode} moves weights between a GPU and the CPU; on a CPU use full, or auto")
    pipe.vae.enable_tiling()
    pipe.vae.enable_slicing()
    if mode == "model-offload":
        pipe.enable_model_cpu_offload(device=device)
    elif mode == "group-offload":
        group_offload(pipe, device)
    else:
        pipe.enable_sequential_cpu_offload(device=device)


def group_offload(pipe: Any, device: torch.device) -> None:
    """Brings each layer of a pipeline's models to a device for as long as it runs."""
    from diffusers.hooks import apply_group_offloading

    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            apply_group_offloading(part, onload_device=device, offload_type="leaf_level")


def quantize(pipe: Any, kind: str) -> None:
    """Stores the weights of the transformers' linear layers in 8 bits, by torchao; activations stay as they are.

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


def release_text_encoders(pipe: Any) -> None:
    """Takes the text encoders from a pipeline whose text is encoded, and their memory from the device."""
    for name in [name for name in pipe.components if name.startswith("text_encoder")]:
        setattr(pipe, name, None)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

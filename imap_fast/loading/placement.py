"""Where the weights of a pipeline are while it runs."""

from __future__ import annotations

from typing import Any

import torch


def place(pipe: Any, device: torch.device, mode: str) -> None:
    """Move a pipeline to a device in one of `imap_fast.loading.memory_modes.MODES`.

    In every mode except "full", the VAE works in tiles and slices.

    Raises:
        ValueError: a mode with offloading on a CPU.
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
    """Move each layer of the models of a pipeline to a device while the layer runs."""
    from diffusers.hooks import apply_group_offloading

    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            apply_group_offloading(part, onload_device=device, offload_type="leaf_level")

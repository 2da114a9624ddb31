"""Weights that are elsewhere while their module does not run."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers.hooks import apply_group_offloading
from torch import nn


def offload_to_disk(model: nn.Module, folder: Path, offload_type: str = "block_level") -> None:
    """Let diffusers keep the weights in a folder. While they are not needed, memory holds other values."""
    apply_group_offloading(
        model,
        onload_device=torch.device("cpu"),
        offload_type=offload_type,
        num_blocks_per_group=1 if offload_type == "block_level" else None,
        offload_to_disk_path=str(folder),
    )
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data.fill_(1)

"""What a training does otherwise on a GPU than on a CPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from diffusers import CogVideoXPipeline
from torch.utils.data import DataLoader, Dataset

_WORKERS = 4
_AHEAD = 8  # items of each worker that wait for the GPU


def is_gpu(device: torch.device) -> bool:
    """Whether the device is a GPU."""
    return device.type == "cuda"


def device_name(device: torch.device) -> str:
    """The name of the GPU, or "cpu"."""
    return torch.cuda.get_device_name(device) if is_gpu(device) else device.type


def speed_up(pipe: CogVideoXPipeline) -> None:
    """Compile the blocks of the transformer, and use TF32 in fp32 products, if the pipeline is on a GPU.

    All blocks share what is compiled, once for stills and once for clips. The rest is small, and compiling takes time.
    """
    if is_gpu(pipe.transformer.device):
        torch.set_float32_matmul_precision("high")
        compile_blocks(pipe)


def compile_blocks(pipe: CogVideoXPipeline) -> None:
    """Compile each block of the transformer in place. Copies of it are not compiled."""
    for block in pipe.transformer.transformer_blocks:
        block.compile(dynamic=False)


def items_ahead(dataset: Dataset[Any], indices: Iterable[int], device: torch.device) -> Iterator[Any]:
    """The items of a dataset in this order.

    For a GPU, other processes make them in advance, and leave their tensors in pinned memory.
    """
    if not is_gpu(device):
        return (dataset[index] for index in indices)
    loader = DataLoader(
        dataset,
        batch_size=None,
        sampler=indices,
        num_workers=_WORKERS,
        prefetch_factor=_AHEAD,
        pin_memory=True,
    )
    return iter(loader)

"""Models in fp64, in which rounding decides almost nothing.

Maps depend on comparisons: which patch is best, on which side of the mean a text key is. If two values are nearly
equal, rounding decides, and so does the processor. A test that makes the same maps in two ways with different rounding
therefore uses fp64: values that are nearly equal in fp32 differ clearly there. (Diffusers still computes some steps in
fp32, such as RoPE and timestep embeddings, but in the same way both times.)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from diffusers import DiffusionPipeline
from torch import nn

Model = TypeVar("Model", nn.Module, DiffusionPipeline)


def in_fp64(model: Model) -> Model:
    """Convert the weights of `model` to fp64 in place, and return it."""
    parts = [model] if isinstance(model, nn.Module) else model.components.values()
    for part in parts:
        if isinstance(part, nn.Module):
            part.double()
    return model


def doubled(inputs: dict[str, object]) -> dict[str, object]:
    """The tensors of a forward pass in fp64. Integers and rotary tables are unchanged."""
    return {
        name: value.double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value
        for name, value in inputs.items()
    }


def lead(scores: torch.Tensor, best: int = 1) -> float:
    """The smallest difference in any row between the last of the `best` scores and the next one.

    It is relative to the largest absolute score of the row. Below about 1e-6, rounding in fp32 decides which are best.
    """
    ordered = scores.sort(dim=-1, descending=True).values
    return ((ordered[..., best - 1] - ordered[..., best]) / scores.abs().amax(-1)).min().item()


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """What users set with `torch.set_default_dtype`."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)

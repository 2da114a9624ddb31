"""Models in fp64, where rounding decides next to nothing.

A map hangs on verdicts: which patch is best, on which side of the mean a text key is. Between two that are nearly
equal, rounding decides, and with it the processor. So where a test makes the same maps in two ways that round
differently, it makes them in fp64: what is nearly equal in fp32 is far apart there. (Diffusers computes some steps in
fp32 even so, RoPE and embeddings of the timestep among them, but in the same way both times.)
"""

from __future__ import annotations

from typing import TypeVar

import torch
from diffusers import DiffusionPipeline
from torch import nn

Model = TypeVar("Model", nn.Module, DiffusionPipeline)


def in_fp64(model: Model) -> Model:
    """`model` itself, its weights now in fp64."""
    parts = [model] if isinstance(model, nn.Module) else model.components.values()
    for part in parts:
        if isinstance(part, nn.Module):
            part.double()
    return model


def doubled(inputs: dict[str, object]) -> dict[str, object]:
    """The tensors of a forward in fp64; integers, and rotary tables, stay what they are."""
    return {
        name: value.double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value
        for name, value in inputs.items()
    }


def lead(scores: torch.Tensor, best: int = 1) -> float:
    """How far the `best` of each row are ahead of the next one at least, in parts of the row's largest modulus.

    Where that is some 1e-6, rounding in fp32 decides which are the best.
    """
    ordered = scores.sort(dim=-1, descending=True).values
    return ((ordered[..., best - 1] - ordered[..., best]) / scores.abs().amax(-1)).min().item()

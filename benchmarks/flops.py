"""FLOPs of a traced step relative to a stock one, counted on the meta device."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

import torch
from torch.library import CustomOpDef
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.models import Model
from benchmarks.variants import Steps


@contextmanager
def unwrapped_operations() -> Iterator[None]:
    """Let every operation of `imap_kernels` call its implementation directly. `torch.library` would hide it."""
    with ExitStack() as stack:
        for name, module in list(sys.modules.items()):
            package, _, operation = name.rpartition(".")
            wrapped = getattr(module, f"_{operation}", None)
            if package == "imap_kernels" and isinstance(wrapped, CustomOpDef):
                stack.enter_context(mock.patch.object(module, f"_{operation}", wrapped._init_fn))
        yield


def step_flops(model: Model, concepts: int) -> float:
    """FLOPs of a traced, guided step divided by those of a stock step."""
    steps = Steps.of(model, "meta", torch.bfloat16, concepts=concepts)
    counted = {}
    with unwrapped_operations():
        for variant in ("stock", "traced"):
            with FlopCounterMode(display=False) as counter:
                steps.call(variant)()
            counted[variant] = counter.get_total_flops()
    return counted["traced"] / counted["stock"]

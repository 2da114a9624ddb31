"""Triton kernels that are not launched, only noted: what a GPU would have to do can be counted without one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest import mock

from torch.utils._python_dispatch import TorchDispatchMode
from triton.runtime.jit import KernelInterface

import imap_kernels


class Launch(NamedTuple):
    """A kernel that was not launched, and its arguments."""

    name: str
    kernel: KernelInterface
    arguments: tuple[Any, ...]
    named: dict[str, Any]


@contextmanager
def stubbed_launches() -> Iterator[list[Launch]]:
    """Note the launches of every kernel instead of carrying them out."""
    launches: list[Launch] = []

    def stub(name: str, kernel: KernelInterface):
        return lambda *args, grid, warmup, **named: launches.append(Launch(name, kernel, args, named))

    with ExitStack() as exits:
        for found in pkgutil.walk_packages(imap_kernels.__path__, "imap_kernels."):
            for name, kernel in vars(importlib.import_module(found.name)).items():
                if isinstance(kernel, KernelInterface):
                    exits.enter_context(mock.patch.object(kernel, "run", stub(name.lstrip("_"), kernel)))
        yield launches


class DeviceOperations(TorchDispatchMode):
    """Counts the operations of PyTorch that a GPU would run: all except views and allocations."""

    FREE = ("empty", "_unsafe_view", "detach", "_reshape_alias")

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if not func.is_view and not any(name in str(func) for name in self.FREE):
            self.names.append(str(func))
        return func(*args, **(kwargs or {}))

"""The launches of every kernel, recorded instead of run."""

import contextlib
import importlib
import math
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import triton
from triton.runtime.jit import JITFunction, KernelInterface

import imap_kernels


@dataclass(frozen=True)
class Launch:
    """A kernel with the arguments of a launch.

    Attributes:
        kernel: the kernel.
        arguments: by name, compile-time constants included.
        options: warps and pipeline stages.
        programs: in the whole grid.
        choice: the number of this configuration among the candidates of autotuning.
    """

    kernel: JITFunction
    arguments: dict[str, Any]
    options: dict[str, int]
    programs: int
    choice: int

    @property
    def name(self) -> str:
        """The name of the kernel."""
        return self.kernel.__name__.lstrip("_")

    @property
    def operation(self) -> str:
        """The part of `imap_kernels` that has the kernel."""
        return self.kernel.__module__.split(".")[1]

    @property
    def configuration(self) -> str:
        """Compile-time constants and options, as text."""
        constants = {p.name: self.arguments[p.name] for p in self.kernel.params if p.is_constexpr}
        return " ".join(f"{name}={value}" for name, value in (constants | self.options).items())


@contextlib.contextmanager
def recorded_launches() -> Iterator[list[Launch]]:
    """Record the launches of every kernel in each of its configurations, without running them."""
    launches: list[Launch] = []

    def recorder(kernel: KernelInterface):
        configs = getattr(kernel, "configs", [triton.Config({})])
        function = getattr(kernel, "fn", None) if hasattr(kernel, "configs") else kernel

        def run(*args, grid, warmup, **kwargs) -> None:
            for choice, config in enumerate(configs):
                named = dict(zip(function.arg_names, args, strict=False)) | kwargs | config.kwargs
                options = {
                    "num_warps": named.pop("num_warps", config.num_warps),
                    "num_stages": named.pop("num_stages", config.num_stages),
                }
                programs = math.prod(grid(named) if callable(grid) else grid)
                launches.append(Launch(function, named, options, programs, choice))

        return run

    with contextlib.ExitStack() as stack:
        for kernel in kernels():
            stack.enter_context(mock.patch.object(kernel, "run", recorder(kernel)))
        yield launches


def kernels() -> list[KernelInterface]:
    """Every kernel of `imap_kernels`, and every function that kernels call."""
    names = [module.name for module in pkgutil.walk_packages(imap_kernels.__path__, "imap_kernels.")]
    found = [value for name in names for value in vars(importlib.import_module(name)).values()]
    return list({id(value): value for value in found if isinstance(value, KernelInterface)}.values())

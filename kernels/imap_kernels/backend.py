"""Which implementation of an operation runs: the equation in PyTorch, or the fused Triton kernel."""

import functools
import importlib
import importlib.util
import os
from types import ModuleType

import torch

BACKENDS = ("auto", "triton", "reference")


@functools.cache
def triton_is_installed() -> bool:
    """Whether `import triton` would find a package."""
    return importlib.util.find_spec("triton") is not None


def interpreting() -> bool:
    """Whether Triton was asked to interpret its kernels on the CPU (`TRITON_INTERPRET=1`)."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def resolve(backend: str, device: torch.device, dtype: torch.dtype = torch.float32) -> str:
    """Turn `backend` into `"triton"` or `"reference"` for tensors of `dtype` on `device`.

    `"auto"` is the environment variable `IMAP_BACKEND` where it is set, else Triton on CUDA where Triton is installed,
    else the reference. Triton's kernels accumulate in fp32, so fp64 is the reference's.

    Raises:
        ValueError: an unknown backend, or Triton where it cannot run.
    """
    name = backend
    if name == "auto":
        name = os.environ.get("IMAP_BACKEND", "auto")
    if name not in BACKENDS:
        raise ValueError(f"backend is {name!r}; choose one of {', '.join(map(repr, BACKENDS))}")
    if name == "auto":
        fits = device.type == "cuda" and dtype != torch.float64
        return "triton" if fits and triton_is_installed() else "reference"
    if name == "triton" and dtype == torch.float64:
        raise ValueError(
            "backend 'triton' accumulates in fp32, these tensors are float64; use 'reference', or cast them to float32"
        )
    if name == "triton" and not triton_is_installed():
        raise ValueError(
            "backend 'triton' needs the package triton; pip install 'imap-fast[triton]', or use 'reference'"
        )
    if name == "triton" and device.type != "cuda" and not interpreting():
        raise ValueError(
            f"backend 'triton' needs CUDA tensors, these are on {device.type!r}; "
            "use 'reference', or set TRITON_INTERPRET=1 before Triton is imported"
        )
    return name


def implementation(operation: str, backend: str, like: torch.Tensor) -> ModuleType:
    """The module that computes `operation` (a folder of this package) of a tensor `like`; imported at first use."""
    return importlib.import_module(f"imap_kernels.{operation}.{resolve(backend, like.device, like.dtype)}")

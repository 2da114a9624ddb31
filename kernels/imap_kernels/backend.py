"""The choice of the implementation of an operation: the equation in PyTorch, or the fused Triton kernel."""

import functools
import importlib
import importlib.util
import os
from collections.abc import Callable
from typing import Any

import torch

BACKENDS = ("auto", "triton", "reference")


@functools.cache
def triton_is_installed() -> bool:
    """Return whether the package triton is installed. Nothing is imported."""
    return importlib.util.find_spec("triton") is not None


def interpreting() -> bool:
    """Return whether Triton interprets its kernels on the CPU (`TRITON_INTERPRET=1`)."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def resolve(backend: str, device: torch.device, dtype: torch.dtype = torch.float32) -> str:
    """Resolve `backend` to `"triton"` or `"reference"` for tensors of `dtype` on `device`.

    `"auto"` is the environment variable `IMAP_BACKEND` if it is set. Otherwise it is Triton on CUDA if Triton is
    installed, and the reference elsewhere. Triton's kernels accumulate in fp32, so fp64 needs the reference.

    Raises:
        ValueError: an unknown backend, or a backend that cannot run here.
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


def implementation(operation: str, backend: str, like: torch.Tensor) -> Callable[..., Any]:
    """The function that computes an operation for tensors like `like`. Autocast does not lower its precision.

    Triton launches kernels on the current GPU, so that of the tensors becomes the current one for the call.

    Args:
        operation: name of a folder of this package.
        backend: `"auto"`, `"triton"` or `"reference"`.
        like: a tensor with the dtype and device of the inputs.
    """
    device = like.device
    module = importlib.import_module(f"imap_kernels.{operation}.{resolve(backend, device, like.dtype)}")
    function = getattr(module, operation)
    if torch.amp.is_autocast_available(device.type):
        function = torch.autocast(device.type, enabled=False)(function)
    if device.type != "cuda":
        return function

    def on_its_gpu(*arguments: Any) -> Any:
        with torch.cuda.device(device):
            return function(*arguments)

    return on_its_gpu

"""What can run on this machine: backend, versions, GPU, checkpoints that fit, and the model of the demo."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from imap_fast.demo.shipped_model import MODEL
from imap_fast.loading.memory_modes import fitting_mode
from imap_kernels.backend import resolve, triton_is_installed

PACKAGES = ("imap-fast", "torch", "triton", "diffusers", "transformers", "av")

TEXT_ENCODER, VAE = 4_762_310_656, 215_583_907
CHECKPOINTS = {
    "THUDM/CogVideoX-2b": 1_693_783_872,
    "THUDM/CogVideoX-5b": 5_570_283_072,
    "zai-org/CogVideoX1.5-5B": 5_570_676_352,
}
"""Parameters of the transformers. All share one T5-XXL encoder and one VAE. Counted from the published configurations,
built on the meta device."""

FITS = {"full": "whole", "model-offload": "offloaded", "group-offload": "no"}
"""Whether a checkpoint fits, by the memory mode that it takes. Single layers are moved if the largest part does not."""

HALF = 2
"""Bytes of a parameter in float16 or bfloat16."""


def diagnose() -> dict[str, Any]:
    """Everything that `imap-fast doctor` reports, as JSON values. Memory is in bytes.

    Returns:
        `backend`, `versions`, `gpu` (None without a GPU), `checkpoints` and `demo_model`.
    """
    gpu = _gpu()
    return {
        "backend": _backend(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "gpu": gpu,
        "checkpoints": [_checkpoint(name, transformer, gpu) for name, transformer in CHECKPOINTS.items()],
        "demo_model": {"folder": str(MODEL), "present": (MODEL / "model_index.json").is_file()},
    }


def _backend() -> dict[str, str | None]:
    """The backend that `backend="auto"` selects here, and the reason."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        name = resolve("auto", device)
    except ValueError as error:
        return {"name": None, "why": f"IMAP_BACKEND: {error}"}
    if os.environ.get("IMAP_BACKEND", "auto") != "auto":
        why = "set by IMAP_BACKEND"
    elif device.type == "cpu":
        why = "torch sees no CUDA GPU"
    elif not triton_is_installed():
        why = "Triton is not installed; pip install 'imap-fast[triton]'"
    else:
        why = "there is a CUDA GPU, and Triton is installed"
    return {"name": name, "why": why}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _gpu() -> dict[str, Any] | None:
    if not torch.cuda.is_available():
        return None
    free, total = torch.cuda.mem_get_info()
    return {"name": torch.cuda.get_device_name(), "memory": total, "free": free}


def _checkpoint(name: str, transformer: int, gpu: dict[str, Any] | None) -> dict[str, Any]:
    """Bytes of the weights of a checkpoint in half precision, in total and of the largest part, and whether they fit.

    `fits` is `"whole"`, `"offloaded"` (one part at a time on the GPU), `"no"`, or None without a GPU.
    """
    parts = [HALF * parameters for parameters in (transformer, TEXT_ENCODER, VAE)]
    fits = None if gpu is None else FITS[fitting_mode(parts, gpu["memory"])]
    return {"name": name, "weights": sum(parts), "largest_part": max(parts), "fits": fits}

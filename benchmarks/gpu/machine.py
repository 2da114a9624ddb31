"""The part `machine`: what the machine is, and the two rates that bound all others."""

from __future__ import annotations

import platform
import shutil
import statistics
import subprocess
from collections.abc import Callable

import torch

from benchmarks.cases import COPY_BYTES
from benchmarks.clock import synchronized_clock
from benchmarks.gpu.run import Add, Run
from benchmarks.record import note, row, versions_of

PACKAGES = (
    *("torch", "triton", "numpy", "diffusers", "transformers", "accelerate", "safetensors", "pydantic", "einops"),
    *("pytest", "hypothesis", "pytest-benchmark", "pytest-xdist", "av", "rich", "matplotlib"),
)
QUERY = "name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit"
MATRIX = 8192
LAUNCHES, ROUNDS = 5, 7


def measure(run: Run, add: Add) -> None:
    """Note the machine, then measure its rates."""
    found = versions_of(*PACKAGES)
    missing = [name for name in PACKAGES if name not in found]
    add([note("packages", "installed", ", ".join(f"{name} {version}" for name, version in found.items()))])
    add([note("packages", "missing", ", ".join(missing) or "none")])
    add([note("machine", "processor", f"{platform.platform()}, {platform.processor() or platform.machine()}")])
    add([note("machine", "device", cpu_facts() if run.dry else gpu_facts())])

    copied, side = (2**20, 64) if run.dry else (COPY_BYTES, MATRIX)
    source = torch.randint(256, (copied,), dtype=torch.uint8, device=run.device)
    destination = torch.empty_like(source)
    seconds = seconds_of(lambda: destination.copy_(source))
    add([row("copy_rate", f"{copied >> 20} MiB, read and written", 2e-12 * copied / seconds, "TB/s")])
    # Not of zeros, which need less power and are multiplied faster.
    left, right = (torch.randn(side, side, device=run.device, dtype=torch.bfloat16) for _ in range(2))
    seconds = seconds_of(lambda: left @ right)
    add([row("matmul_rate", f"{side}³, bf16", 2e-12 * side**3 / seconds, "TFLOP/s")])


def seconds_of(call: Callable[[], object]) -> float:
    """The median seconds of a call, after a first round that is not counted."""
    rounds = []
    for _ in range(ROUNDS + 1):
        began = synchronized_clock()
        for _ in range(LAUNCHES):
            call()
        rounds.append((synchronized_clock() - began) / LAUNCHES)
    return statistics.median(rounds[1:])


def cpu_facts() -> str:
    """The threads of PyTorch."""
    return f"CPU, {torch.get_num_threads()} threads"


def gpu_facts() -> str:
    """What CUDA and `nvidia-smi`, where it is installed, say of the GPU."""
    told = [str(torch.cuda.get_device_properties(0))]
    if tool := shutil.which("nvidia-smi"):
        command = [tool, f"--query-gpu={QUERY}", "--format=csv"]
        told.append(subprocess.run(command, capture_output=True, text=True).stdout.strip())
    return "\n".join(told)

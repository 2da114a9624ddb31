"""The part `kernels`: the bandwidths of the operations, those with a target first."""

from __future__ import annotations

from benchmarks.gpu.run import Add, Run
from benchmarks.kernels import TARGET_KEYS, cases, extra_memory_row, time_cases
from benchmarks.shapes import LAYERS, TINY


def measure(run: Run, add: Add) -> None:
    """Time a copy, then the attention and the operations of each layer, CogVideoX-2B's first."""
    layers = [TINY] if run.dry else list(LAYERS.values())
    status = time_cases(cases(layers, [TARGET_KEYS], compare=False, backend=run.backend), add)
    if not run.dry:
        add([extra_memory_row()])
    if status:
        raise SystemExit(f"not every case could be timed: pytest ended with exit code {status:d}")

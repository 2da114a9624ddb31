"""The part `sweeps`: the step of CogVideoX-2B by concepts and by frames."""

from __future__ import annotations

from benchmarks.gpu.run import Add, Run
from benchmarks.steps import sweep_rows


def measure(run: Run, add: Add) -> None:
    """Measure stock and traced steps. The longest clips come last."""
    if run.dry:
        sweep = sweep_rows("tiny", run.device, rounds=1, concepts=(1, None), frames={9: 3})
    else:
        sweep = sweep_rows("2b", run.device, rounds=2)
    for rows in sweep:
        add(rows)

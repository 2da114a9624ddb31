"""The part `authors`: the published code of the method beside ours."""

from __future__ import annotations

from benchmarks.gpu.run import Add, Run
from benchmarks.steps import model_rows

VARIANTS = ("stock", "traced", "authors")
ROUNDS = 2


def measure(run: Run, add: Add) -> None:
    """Measure the steps of CogVideoX-2B in turn. A step of the published code takes seconds.

    The part `steps` has the figures of ours, from more rounds.
    """
    for rows in model_rows("tiny" if run.dry else "2b", VARIANTS, run.device, rounds=ROUNDS, authors=run.authors):
        add(row for row in rows if str(row["name"]).startswith("authors_"))

"""The part `steps`: the denoising steps of full-size models, stock, traced and explained."""

from __future__ import annotations

import traceback

from benchmarks.gpu.run import Add, Run
from benchmarks.steps import model_rows

MODELS = ("2b", "5b", "1.5-5b")
TARGETS = ("stock", "traced", "explain")
OTHERS = ("stock", "traced", "traced_stock_attention", "traced_all_maps", "traced_one_pass", "traced_clip")
ROUNDS = 3


def measure(run: Run, add: Add) -> None:
    """Measure the figures with a target of every model, then those that explain them. Go on after one that raises."""
    failed = []
    known: set[object] = set()
    for variants in (TARGETS, OTHERS):
        names: set[object] = set()
        for model in ("tiny",) if run.dry else MODELS:
            try:
                for rows in model_rows(model, variants, run.device, rounds=ROUNDS):
                    # A first step is one only once, and a ratio is of the times beside it.
                    new = [row for row in rows if row["name"] not in known]
                    names |= {row["name"] for row in new}
                    add(new)
            except Exception as error:
                traceback.print_exc()
                failed.append(f"{model} ({', '.join(variants)}): {type(error).__name__}")
        known |= names
    if failed:
        raise SystemExit(f"failed: {'; '.join(failed)}")

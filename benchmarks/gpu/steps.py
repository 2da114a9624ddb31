"""The part `steps`: the denoising steps of full-size models, stock, traced and explained."""

from __future__ import annotations

from benchmarks.gpu.run import Add, Run
from benchmarks.steps import model_rows

MODELS = ("2b", "5b", "1.5-5b")
TARGETS = ("stock", "traced", "explain")
OTHERS = ("stock", "traced", "traced_stock_attention", "traced_all_maps", "traced_one_pass")
ROUNDS = 3


def measure(run: Run, add: Add) -> None:
    """Measure the figures with a target of every model, then those that explain them."""
    models = ("tiny",) if run.dry else MODELS
    for variants in (TARGETS, OTHERS):
        for name in models:
            for rows in model_rows(name, variants, run.device, rounds=ROUNDS):
                add(rows)

"""Time and memory of the variants of a denoising step, and their rows."""

from __future__ import annotations

import dataclasses
import gc
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.clock import synchronized_clock
from benchmarks.models import MODELS
from benchmarks.record import row
from benchmarks.variants import Steps

CONCEPTS = 8
SWEPT_FRAMES = {49: 13, 81: 21, 161: 41, 321: 81}  # and their latent frames
SWEPT_CONCEPTS = (1, 2, 4, 8, 16, 32, 64, None)
MIB = 2**20


@dataclass(frozen=True)
class Measured:
    """The figures of one variant.

    Attributes:
        seconds: the median of the later steps. None before the second one.
        memory: peak MiB of the last step above the memory before it, by the allocator of the GPU. 0 on a CPU.
        first: seconds of the first step, which compiles and tunes kernels.
    """

    seconds: float | None
    memory: float
    first: float


def interleaved(calls: dict[str, Callable[[], object]], rounds: int) -> Iterator[dict[str, Measured]]:
    """Yield the figures so far after each round. A round runs the calls in turn, and a first one comes before them."""
    first, memory = {}, {}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            before = allocated()
            began = synchronized_clock()
            call()
            taken = synchronized_clock() - began
            memory[name] = peak_above(before)
            if number:
                seconds[name].append(taken)
            else:
                first[name] = taken
        yield {
            name: Measured(statistics.median(seconds[name]) if number else None, memory[name], first[name])
            for name in calls
        }


def allocated() -> int:
    """Bytes on the GPU, of which the peak is then counted anew. Garbage is freed, so that it is not counted."""
    if not torch.cuda.is_available():
        return 0
    gc.collect()
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated()


def peak_above(before: int) -> float:
    """MiB of the peak above `before`, the result of `allocated`."""
    return (torch.cuda.max_memory_allocated() - before) / MIB if torch.cuda.is_available() else 0.0


def measure(steps: Steps, variants: Sequence[str], rounds: int) -> dict[str, Measured]:
    """The figures of a model's step in several variants."""
    *_, last = interleaved({variant: steps.call(variant) for variant in variants}, rounds)
    return last


def rows_of(name: str, shape: str, measured: dict[str, Measured]) -> list[dict[str, object]]:
    """Time and memory of each variant, and the ratios with a target, all from one run."""
    rows = []
    for variant, figures in measured.items():
        rows.append(row(f"{variant}_first_step_{name}", shape, figures.first, "s"))
        if figures.seconds is not None:
            rows.append(row(f"{variant}_seconds_{name}", shape, figures.seconds, "s"))
        if figures.memory:
            rows.append(row(f"{variant}_memory_{name}", shape, figures.memory, "MiB"))
    stock, traced = measured["stock"], measured["traced"]
    if stock.seconds is None:
        return rows
    rows.append(row(f"step_ratio_{name}", shape, traced.seconds / stock.seconds, "ratio"))
    if "explain" in measured:
        rows.append(row(f"explain_over_stock_step_{name}", shape, measured["explain"].seconds / stock.seconds, "ratio"))
    if stock.memory:
        rows.append(row(f"memory_delta_mib_{name}", shape, traced.memory - stock.memory, "MiB"))
    if "authors" in measured:
        authors = measured["authors"]
        rows.append(row(f"authors_over_ours_{name}", shape, authors.seconds / traced.seconds, "ratio"))
        if stock.memory:
            rows.append(row(f"authors_memory_delta_mib_{name}", shape, authors.memory - stock.memory, "MiB"))
    return rows


def model_rows(
    name: str, variants: Sequence[str], device: str, *, rounds: int, authors: Path | None = None
) -> Iterator[list[dict[str, object]]]:
    """Yield the rows of a model with random weights, in bf16, after each round. It is freed afterwards."""
    steps = Steps.of(MODELS[name], device, torch.bfloat16, concepts=CONCEPTS, authors=authors)
    calls = {variant: steps.call(variant) for variant in variants}
    for measured in interleaved(calls, rounds):
        yield rows_of(name.replace(".", "_").replace("-", "_"), f"{name} C={CONCEPTS}", measured)
    del steps, calls
    free_cached()


def sweep_rows(
    name: str,
    device: str,
    *,
    rounds: int,
    concepts: Sequence[int | None] = SWEPT_CONCEPTS,
    frames: dict[int, int] = SWEPT_FRAMES,
) -> Iterator[list[dict[str, object]]]:
    """Yield the rows of one model by concepts, then by frames, in bf16.

    Args:
        name: of the model.
        device: of its random weights.
        rounds: that are counted.
        concepts: their numbers. None: the prompt.
        frames: numbers of frames, and of their latent frames.
    """
    model = MODELS[name]
    made = Steps.of(model, device, torch.bfloat16, concepts=CONCEPTS)
    for count in concepts:
        embeddings = None if count is None else model.concepts(count, device, torch.bfloat16)
        measured = measure(dataclasses.replace(made, concepts=embeddings), ("stock", "traced"), rounds)
        yield rows_of(f"{name}_sweep", f"{name} C={count or 'prompt'}", measured)
        free_cached()
    for count, latent in frames.items():
        inputs = model.inputs(device, torch.bfloat16, frames=latent)
        measured = measure(dataclasses.replace(made, inputs=inputs), ("stock", "traced"), rounds)
        yield rows_of(f"{name}_sweep", f"{name} frames={count} C={CONCEPTS}", measured)
        free_cached()


def free_cached() -> None:
    """Give memory that nothing uses back to the GPU."""
    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()

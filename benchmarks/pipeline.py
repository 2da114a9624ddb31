"""Time, memory and arithmetic of a denoising step with saliency, compared with a stock step.

`python -m benchmarks.pipeline --authors PATH` on a machine with a GPU measures full-size CogVideoX-2B, -5B and 1.5-5B
with random weights; without a GPU, the demo model and one full-size block. PATH is a checkout of the method's published
code. Writes `benchmarks/results/pipeline-<device>.json` and a plot beside it.
"""

from __future__ import annotations

import argparse
import gc
import re
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from diffusers import CogVideoXPipeline

import imap_fast
from benchmarks.flops import step_flops
from benchmarks.models import MODELS
from benchmarks.plot import plot
from benchmarks.record import device_name, result_path, row, write
from benchmarks.variants import VARIANTS, Steps
from imap_fast.demo.build import LATENT_FRAMES
from imap_fast.demo.shipped_model import MODEL, best_settings

CONCEPTS = 8
SWEPT_FRAMES = {49: 13, 81: 21, 161: 41, 321: 81}  # and their latent frames
SWEPT_CONCEPTS = (1, 2, 4, 8, 16, 32, 64, None)
RUN_STEPS = 50  # of the demo's pipeline
MIB = 2**20


@dataclass(frozen=True)
class Measured:
    """Medians of one variant: seconds, and peak memory in MiB above the memory before the step."""

    seconds: float
    memory: float


def interleaved(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every call in every round. Each round runs the calls in turn. The first round is a warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for counted in (False, *[True] * rounds):
        for name, call in calls.items():
            _synchronize()
            began = time.perf_counter()
            call()
            _synchronize()
            if counted:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def measure(steps: Steps, variants: Iterable[str], rounds: int) -> dict[str, Measured]:
    """Median time and peak memory of a model's step in several variants.

    Memory is reported by the allocator of the GPU. On a CPU it is 0; see `peak_of_process`.
    """
    calls = {variant: steps.call(variant) for variant in variants}
    seconds = interleaved(calls, rounds)
    memory = dict.fromkeys(calls, 0.0)
    if steps.transformer.device.type == "cuda":
        for variant, call in calls.items():
            _synchronize()
            gc.collect()  # so that garbage of an earlier call is not counted
            before = torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
            call()
            memory[variant] = (torch.cuda.max_memory_allocated() - before) / MIB
    return {name: Measured(statistics.median(seconds[name]), memory[name]) for name in calls}


def peak_of_process(model: str, variant: str, authors: Path | None) -> float:
    """Peak resident MiB of a new process that runs one step on the CPU."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as one:
        return one.submit(_step_and_peak, model, variant, authors).result()


def _step_and_peak(model: str, variant: str, authors: Path | None) -> float:
    Steps.of(MODELS[model], "cpu", torch.bfloat16, concepts=CONCEPTS, authors=authors).call(variant)()
    # Not getrusage, whose peak starts with that of the parent process.
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(peak[1]) / 1024


def rows_of(name: str, shape: str, measured: dict[str, Measured]) -> list[dict[str, object]]:
    """Time and memory of each variant, and the ratios with a target, all from one run."""
    rows = []
    for variant, figures in measured.items():
        rows.append(row(f"{variant}_seconds_{name}", shape, figures.seconds, "s"))
        if figures.memory:
            rows.append(row(f"{variant}_memory_{name}", shape, figures.memory, "MiB"))
    stock, traced = measured["stock"], measured["traced"]
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


def on_gpu(models: Sequence[str], authors: Path | None, rounds: int, sweep: bool) -> Iterator[list[dict[str, object]]]:
    """Yield the rows of each full-size model with random weights, then of 2B by frames and by concepts."""
    for name in models:
        # The published code supports only 13 latent frames of 30 × 45 patches.
        fits = authors is not None and MODELS[name].latents == (13, 60, 90)
        variants = [variant for variant in VARIANTS if variant != "authors" or fits]
        steps = Steps.of(MODELS[name], "cuda", torch.bfloat16, concepts=CONCEPTS, authors=authors)
        yield rows_of(
            name.replace(".", "_").replace("-", "_"), f"{name} C={CONCEPTS}", measure(steps, variants, rounds)
        )
        del steps
        torch.cuda.empty_cache()
    if sweep:
        frames = [(f"2b frames={count} C={CONCEPTS}", latent, CONCEPTS) for count, latent in SWEPT_FRAMES.items()]
        concepts = [(f"2b C={count or 'prompt'}", None, count) for count in SWEPT_CONCEPTS]
        for shape, latent, count in (*frames, *concepts):
            steps = Steps.of(MODELS["2b"], "cuda", torch.bfloat16, concepts=count, frames=latent)
            yield rows_of("2b_sweep", shape, measure(steps, ("stock", "traced"), max(1, rounds // 2)))
            del steps
            torch.cuda.empty_cache()


def on_cpu(authors: Path | None, rounds: int) -> list[dict[str, object]]:
    """One full-size block of 2B in bf16, read like the last block of a trace, and the demo model.

    The concept stream ends at the last block read, so its attention is not computed there.
    """
    name, shape = "cpu_2b", "one CogVideoX-2B block, the last read, 2 × 17,776 tokens, 30 heads, bf16"
    variants = ["stock", "traced"] + (["authors"] if authors is not None else [])
    steps = Steps.of(MODELS["2b-block"], "cpu", torch.bfloat16, concepts=CONCEPTS, authors=authors)
    measured = measure(steps, variants, rounds)
    del steps
    peaks = {variant: peak_of_process("2b-block", variant, authors) for variant in variants}
    rows = [row(f"{v}_seconds_block_{name}", shape, m.seconds, "s") for v, m in measured.items()]
    rows += [row(f"{v}_peak_block_{name}", shape, peak, "MiB") for v, peak in peaks.items()]
    for variant, name_of in (("traced", "block_ratio"), ("authors", "authors_block_ratio")):
        if variant in measured:
            ratio, more = measured[variant].seconds / measured["stock"].seconds, peaks[variant] - peaks["stock"]
            rows += [
                row(f"{name_of}_{name}", shape, ratio, "ratio"),
                row(f"{name_of}_memory_{name}", shape, more, "MiB"),
            ]
    return rows + demo_rows(rounds)


def demo_rows(rounds: int) -> list[dict[str, object]]:
    """The guided step of the demo model, stock and traced, and its `explain`, with default layers and with its best
    ones.

    First the step that opens the trace, then the mean step of a whole run.
    """
    pipe = CogVideoXPipeline.from_pretrained(str(MODEL))
    pipe.set_progress_bar_config(disable=True)
    transformer = pipe.transformer
    config = transformer.config
    inputs = {
        "hidden_states": torch.randn(2, LATENT_FRAMES, config.in_channels, config.sample_height, config.sample_width),
        "encoder_hidden_states": torch.randn(2, config.max_text_seq_length, config.text_embed_dim),
        "timestep": torch.full((2,), 500),
    }
    concepts = torch.randn(3, config.text_embed_dim)
    tokens = LATENT_FRAMES * config.sample_height * config.sample_width // config.patch_size**2
    by_default = imap_fast.trace(transformer, concepts).settings.layers
    rows = []
    for name, layers in (("cpu_demo", by_default), ("cpu_demo_chosen", best_settings()["layers"])):
        shape = f"2 × {tokens:,} tokens, layers {list(layers)} of {config.num_layers} read, C=3, fp32"
        steps = Steps(transformer, inputs, concepts, layers)
        first = measure(steps, ("stock", "traced", "explain"), 10 * rounds)
        rows += rows_of(name, f"demo model, first step of a trace, {shape}", first)
        run = f"demo model, run of {RUN_STEPS} steps, {shape}"
        rows += rows_of(f"{name}_run", run, measure_runs(pipe, layers, rounds))
    return rows


def measure_runs(pipe: CogVideoXPipeline, layers: Sequence[int], rounds: int) -> dict[str, Measured]:
    """Median time of a step in guided runs of the demo pipeline, up to the latents. A trace reads every step.

    A traced run also opens the trace and encodes the concepts.
    """

    def stock() -> None:
        pipe(
            "a red circle bounces and a blue square rests",
            num_inference_steps=RUN_STEPS,
            max_sequence_length=pipe.transformer.config.max_text_seq_length,
            output_type="latent",
        )

    def traced() -> None:
        concepts = ["red circle", "blue square", "bounces"]
        with imap_fast.trace(pipe, concepts, layers=layers):
            stock()

    seconds = interleaved({"stock": stock, "traced": traced}, rounds)
    return {name: Measured(statistics.median(runs) / RUN_STEPS, 0.0) for name, runs in seconds.items()}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure what this machine supports, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=("2b", "5b", "1.5-5b"), default=["2b", "5b", "1.5-5b"])
    parser.add_argument("--authors", type=Path, help="a checkout of the published code")
    parser.add_argument("--rounds", type=int, default=5, help="the number of rounds; results are medians")
    parser.add_argument("--no-sweep", action="store_true", help="skip the sweeps over frames and concepts")
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/pipeline-<device>.json")
    arguments = parser.parse_args(argv)
    if arguments.authors is not None and not (arguments.authors / "imap" / "cogvideox").is_dir():
        parser.error(f"{arguments.authors} is no checkout of the published code: it has no imap/cogvideox")
    path = arguments.output or result_path("pipeline")
    rows = []
    if torch.cuda.is_available():
        for found in on_gpu(arguments.models, arguments.authors, arguments.rounds, not arguments.no_sweep):
            rows += found
            write(rows, path)  # an interrupted run keeps its results so far
    else:
        rows += on_cpu(arguments.authors, arguments.rounds)
    rows += [
        row(f"flops_over_stock_{name.replace('.', '_').replace('-', '_')}", f"{name} C={CONCEPTS}", ratio, "ratio")
        for name, ratio in ((name, step_flops(MODELS[name], CONCEPTS)) for name in arguments.models)
    ]
    if arguments.authors is None:
        rows.append(row("authors_over_ours_2b", "not measured: no --authors", None, "ratio"))
    write(rows, path)
    plot(rows, path.with_suffix(".png"), device_name())
    print(f"{len(rows)} rows in {path}")


if __name__ == "__main__":
    main()

"""Time, memory and arithmetic of a denoising step with saliency, compared with a stock step.

`python -m benchmarks.pipeline --authors PATH` on a machine with a GPU measures full-size CogVideoX-2B, -5B and 1.5-5B
with random weights; without a GPU, the demo model and one full-size block. PATH is a checkout of the method's published
code. Writes `benchmarks/results/pipeline-<device>.json`, which `benchmarks.plot` draws.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from diffusers import CogVideoXPipeline

import imap_fast
from benchmarks.flops import step_flops
from benchmarks.models import MODELS
from benchmarks.record import Table, result_path, row
from benchmarks.steps import CONCEPTS, Measured, interleaved, measure, model_rows, rows_of, sweep_rows
from benchmarks.variants import VARIANTS, Steps
from imap_fast.demo.build import LATENT_FRAMES
from imap_fast.demo.shipped_model import MODEL, best_settings

RUN_STEPS = 50  # of the demo's pipeline


def peak_of_process(model: str, variant: str, authors: Path | None) -> float:
    """Peak resident MiB of a new process that runs one step on the CPU."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as one:
        return one.submit(_step_and_peak, model, variant, authors).result()


def _step_and_peak(model: str, variant: str, authors: Path | None) -> float:
    Steps.of(MODELS[model], "cpu", torch.bfloat16, concepts=CONCEPTS, authors=authors).call(variant)()
    # Not getrusage, whose peak starts with that of the parent process.
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(peak[1]) / 1024


def on_gpu(models: Sequence[str], authors: Path | None, rounds: int, sweep: bool) -> Iterator[list[dict[str, object]]]:
    """Yield the rows of each full-size model with random weights, then of 2B by concepts and by frames."""
    for name in models:
        # The published code supports only 13 latent frames of 30 × 45 patches.
        fits = authors is not None and MODELS[name].latents == (13, 60, 90)
        variants = [variant for variant in VARIANTS if variant != "authors" or fits]
        yield from model_rows(name, variants, "cuda", rounds=rounds, authors=authors)
    if sweep:
        yield from sweep_rows("2b", "cuda", rounds=max(1, rounds // 2))


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

    *_, runs = interleaved({"stock": stock, "traced": traced}, rounds)
    return {name: Measured(run.seconds / RUN_STEPS, run.memory, run.first / RUN_STEPS) for name, run in runs.items()}


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
    table = Table(path)
    if torch.cuda.is_available():
        for found in on_gpu(arguments.models, arguments.authors, arguments.rounds, not arguments.no_sweep):
            table.add(found)  # an interrupted run keeps its results so far
    else:
        table.add(on_cpu(arguments.authors, arguments.rounds))
    rows = [
        row(f"flops_over_stock_{name.replace('.', '_').replace('-', '_')}", f"{name} C={CONCEPTS}", ratio, "ratio")
        for name, ratio in ((name, step_flops(MODELS[name], CONCEPTS)) for name in arguments.models)
    ]
    if arguments.authors is None:
        rows.append(row("authors_over_ours_2b", "not measured: no --authors", None, "ratio"))
    table.add(rows)
    print(f"{len(table.rows)} rows in {path}")


if __name__ == "__main__":
    main()

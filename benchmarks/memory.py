"""Memory and time of `explain`, by the length of the video and under budgets of GPU memory.

`python -m benchmarks.memory` writes `benchmarks/results/memory-<device>.json`. On a CPU: the whole command with the
demo model, on 100, 400 and 1,600 frames. On a GPU: full-size models with constant weights under budgets that the
allocator enforces, in every memory mode, and the mode that fits with videos of increasing length.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from benchmarks.record import result_path, write
from imap_fast.demo.build import SIDE
from imap_fast.loading.memory_modes import MODES
from imap_fast.video.write import write_timed_mp4

if TYPE_CHECKING:
    from diffusers import CogVideoXPipeline

CPU_FRAMES = (100, 400, 1600)
GPU_FRAMES = (49, 200, 800, 2000)
BUDGETS = (8, 12, 16, 24)
"""Budgets of GPU memory, in GB."""

# The published transformer configurations, and the size of the clip. All models share one VAE and one T5-XXL.
ROTARY = {"num_attention_heads": 48, "num_layers": 42, "use_rotary_positional_embeddings": True}
MODELS = {
    "2b": ({"num_attention_heads": 30, "num_layers": 30}, (480, 720)),
    "5b": (ROTARY, (480, 720)),
    "1.5-5b": (
        ROTARY
        | {"patch_size_t": 2, "patch_bias": False, "sample_height": 96, "sample_width": 170, "sample_frames": 81},
        (768, 1360),
    ),
}
T5_XXL = {"d_model": 4096, "d_ff": 10240, "num_layers": 24, "num_heads": 64, "vocab_size": 32128}


def video_frames(frames: int, height: int, width: int) -> Iterator[tuple[np.ndarray, float]]:
    """Yield the frames of a bright square that moves in a circle, 8 frames a second."""
    side = min(height, width) // 4
    for number in range(frames):
        frame = np.full((height, width, 3), 90, np.uint8)
        top, left = (
            round((size - side) * (0.5 + 0.4 * turn(number / 20))) for size, turn in ((height, np.sin), (width, np.cos))
        )
        frame[top : top + side, left : left + side] = (220, 60, 50)
        yield frame, number / 8


def full_size_pipeline(name: str) -> "CogVideoXPipeline":
    """A pipeline of published size on the CPU. All weights are one number, because memory does not depend on them."""
    from diffusers import AutoencoderKLCogVideoX, CogVideoXDDIMScheduler, CogVideoXPipeline, CogVideoXTransformer3DModel
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    from imap_fast.demo.shipped_model import MODEL

    with torch.device("meta"):
        parts = {
            "transformer": CogVideoXTransformer3DModel(**MODELS[name][0]),
            "vae": AutoencoderKLCogVideoX(),
            "text_encoder": T5EncoderModel(T5Config(**T5_XXL, feed_forward_proj="gated-gelu")),
        }
    for part in parts.values():
        part.to(torch.bfloat16).to_empty(device="cpu").eval()
        for tensor in (*part.parameters(), *part.buffers()):
            tensor.data.fill_(0.01)
    tokenizer = T5Tokenizer.from_pretrained(str(MODEL / "tokenizer"))
    return CogVideoXPipeline(tokenizer=tokenizer, scheduler=CogVideoXDDIMScheduler(), **parts)


def measure_gpu(model: str, frames: int, mode: str, budget: int) -> dict[str, float] | None:
    """Peak bytes on the GPU and seconds per window. None if the budget is too small."""
    from imap_fast.explaining.explainer import Explainer
    from imap_fast.loading.placement import place

    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(budget * 1e9 / total)
    times = []
    try:
        pipe = full_size_pipeline(model)
        place(pipe, torch.device("cuda"), mode)
        words = ["square", "ground"]
        with tempfile.TemporaryDirectory() as folder:
            write_timed_mp4(Path(folder) / "video.mp4", video_frames(frames, *MODELS[model][1]), 8)
            with Explainer(pipe, "a red square", words, release_text_encoder=True) as explainer:
                explainer.explain(
                    Path(folder) / "video.mp4",
                    folder=Path(folder) / "maps",
                    on_progress=lambda *_: times.append(time.perf_counter()),
                )
    except torch.OutOfMemoryError:
        return None
    # The first window is a warm-up if there are others.
    seconds = float(np.diff(times)[-max(1, len(times) - 2) :].mean())
    return {"peak": torch.cuda.max_memory_allocated(), "seconds": seconds}


def measure_cpu(model: str, frames: int) -> dict[str, float]:
    """Peak bytes and CPU seconds of the whole command, and the seconds per frame of its windows."""
    from imap_fast.cli import main

    with tempfile.TemporaryDirectory() as folder:
        video, output = Path(folder) / "video.mp4", Path(folder) / "out"
        write_timed_mp4(video, video_frames(frames, SIDE, SIDE), 8)
        options = ["--prompt", "a red square", "--concepts", "red square, background", "--output", str(output)]
        began = time.process_time()
        if main(["explain", str(video), "--model", model, *options]):
            raise SystemExit("imap-fast explain failed")
        cpu = time.process_time() - began
        record = json.loads((output / "run.json").read_text())
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"peak": peak, "seconds": record["seconds"] / record["settings"]["video"]["num_frames"], "cpu": cpu}


def in_new_process(*arguments: object) -> dict[str, float] | None:
    """A measurement in a new process."""
    command = [sys.executable, "-m", "benchmarks.memory", "--measure", *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def cpu_rows(model: str, lengths: Sequence[int]) -> list[dict[str, object]]:
    """Peak memory and time per frame at every length, and their growth."""
    found = {frames: in_new_process(model, frames) for frames in lengths}
    shortest, middle, longest = lengths[0], lengths[-2], lengths[-1]
    rows = []
    for frames, figures in found.items():
        shape = f"{frames}x{SIDE}x{SIDE}"
        rows.append({"name": "explain_peak_rss", "shape": shape, "value": figures["peak"], "unit": "B"})
        rows.append({"name": "explain_time_per_frame", "shape": shape, "value": figures["seconds"], "unit": "s"})
        if frames > shortest:
            # Relative to the shortest video, which removes the fixed cost of a run. CPU seconds ignore other load.
            further = (figures["cpu"] - found[shortest]["cpu"]) / (frames - shortest)
            figures["further"] = further
            rows.append({"name": "explain_cpu_per_further_frame", "shape": shape, "value": further, "unit": "s"})
    for name, key, base in (
        ("explain_peak_rss", "peak", shortest),
        ("explain_time_per_frame", "seconds", middle),
        ("explain_cpu_per_further_frame", "further", middle),
    ):
        ratio = found[longest][key] / found[base][key]
        rows.append({"name": name, "shape": f"{longest}/{base} frames", "value": ratio, "unit": "ratio"})
    return rows


def gpu_rows(lengths: Sequence[int]) -> list[dict[str, object]]:
    """Peak and speed of each mode that fits a budget. Then, by length, of the first mode that fits the smallest one."""
    rows = []

    def measured(model: str, frames: int, mode: str, budget: int) -> bool:
        figures = in_new_process(model, frames, mode, budget)
        shape = f"{model}-{frames} {mode} {budget}GB"
        rows.append({"name": "explain_fits", "shape": shape, "value": int(figures is not None), "unit": "bool"})
        if figures is not None:
            rows.append({"name": "explain_peak", "shape": shape, "value": figures["peak"], "unit": "B"})
            rows.append({"name": "explain_window", "shape": shape, "value": figures["seconds"], "unit": "s"})
        return figures is not None

    for model in MODELS:
        clip = MODELS[model][0].get("sample_frames", 49)
        fitting = [(b, mode) for b in BUDGETS for mode in MODES if measured(model, clip, mode, b)]
        if fitting:
            budget, mode = fitting[0]
            for frames in lengths:
                if frames != clip:
                    measured(model, frames, mode, budget)
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what this machine supports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="demo", help="on a CPU: a folder, or demo")
    parser.add_argument("--frames", type=int, nargs="+", help="lengths of the videos, three at least on a CPU")
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/memory-<device>.json")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.measure:
        model, frames, *gpu = arguments.measure
        figures = measure_gpu(model, int(frames), gpu[0], int(gpu[1])) if gpu else measure_cpu(model, int(frames))
        print(json.dumps(figures))
        return 0
    gpu = torch.cuda.is_available()
    if gpu:
        table = gpu_rows(arguments.frames or GPU_FRAMES)
    else:
        table = cpu_rows(arguments.model, arguments.frames or CPU_FRAMES)
    path = arguments.output or result_path("memory")
    write(table, path)
    for row in table:
        print("{name:30} {shape:28} {value:>16.6g} {unit}".format(**row))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

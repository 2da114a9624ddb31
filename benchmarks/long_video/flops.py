"""The arithmetic of a second of film, counted, and the time of an hour of it on a GPU, predicted from that.

The prediction assumes that every part of the work reaches the share of the GPU's peak that the pass of CogVideoX-2B was
measured to reach on an H100. It leaves out reading, drawing and writing, which other processors can do meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.long_video.full_size import FULL_SIZE, Window, counted
from benchmarks.record import RESULTS, row
from imap_fast.video.rate import passed_rate

FILM_FPS = 24.0
MEASURED = RESULTS / "pipeline-nvidia-h100-80gb-hbm3.json"
PEAK = 989e12
"""FLOP/s of dense products of matrices in bf16 of an H100, and of an H200, which has the same multiprocessors (data
sheets of the SXM modules)."""

TINY = 50
"""A stand-in for a tiny encoder: the encoder of the model, counted as one part of so many."""

SECONDS_OF_HOUR = 3600
TERA = 1e12


def measure() -> Iterator[list[dict[str, object]]]:
    """Yield the rows of each model."""
    share = measured_share(counted(FULL_SIZE["CogVideoX-2B"]).transformer)
    yield [row("share of the peak that the predictions assume", "the pass of CogVideoX-2B on an H100", share, "ratio")]
    for name, make in FULL_SIZE.items():
        yield model_rows(name, counted(make), share)


def measured_share(flops: int, results: Path = MEASURED) -> float:
    """The share of an H100's peak that the pass of CogVideoX-2B reaches, from its measured seconds.

    Args:
        flops: of the pass.
        results: of `benchmarks.pipeline`.
    """
    rows = json.loads(results.read_text())["rows"]
    seconds = next(each["value"] for each in rows if each["name"] == "explain_seconds_2b")
    return flops / seconds / PEAK


def model_rows(name: str, window: Window, share: float) -> list[dict[str, object]]:
    """The rows of one model: a window, then a second and an hour of film in each way of reading it."""
    forward = window.forward
    shape = f"{name}, {forward.num_frames} × {forward.height}×{forward.width}"
    rows = [
        row("encoder", shape, window.encoder / TERA, "TFLOP a window"),
        row("transformer", shape, window.transformer / TERA, "TFLOP a window"),
    ]
    for way, (windows, encoder) in ways(window).items():
        flops = windows * (encoder + window.transformer)
        rows.append(row(f"windows: {way}", shape, windows, "for a second of film"))
        rows.append(row(f"arithmetic: {way}", shape, flops / TERA, "TFLOP for a second of film"))
        hour = SECONDS_OF_HOUR * flops / (share * PEAK)
        rows.append(row(f"predicted hour of film on an H100 or H200: {way}", shape, hour / 60, "minutes"))
    return rows


def ways(window: Window) -> dict[str, tuple[float, float]]:
    """The windows of a second of film, and the FLOPs of the encoder for one of them, in each way of reading it."""
    before = window.windows(round(window.windows(None).latent_frames / 3))
    now = window.windows(None)
    rate = passed_rate("model", FILM_FPS, window.forward.fps) or FILM_FPS
    return {
        "all frames, a third of a window shared": (FILM_FPS / before.stride / before.span, window.encoder),
        f"the model's rate, overlap {now.overlap}": (rate / now.stride / now.span, window.encoder),
        f"the model's rate, overlap {now.overlap}, tiny encoder's stand-in": (
            rate / now.stride / now.span,
            window.encoder / TINY,
        ),
    }

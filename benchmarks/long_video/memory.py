"""Whether memory grows with the length of a film: peaks of a film, and of ten copies of it in one file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.long_video.film import repeat
from benchmarks.long_video.process import run_work
from benchmarks.record import row

COPIES = 10

GIVES_BACK = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
"""Lets glibc give freed memory back at once. Otherwise it keeps a part, another one in each run, and peaks of one film
differ by some 90 MiB. Both values are those with which it begins."""


def measure(video: Path, shape: str) -> Iterator[list[dict[str, object]]]:
    """Yield the rows of the film, of its copies, and of the difference."""
    longer = video.with_name(f"copies-of-{video.name}")
    repeat(video, longer, COPIES)
    once = run_work(video, "demo", environment=GIVES_BACK)
    yield _rows(once, shape)
    copies = run_work(longer, "demo", environment=GIVES_BACK)
    yield _rows(copies, f"{COPIES} × {shape}")
    yield [
        row(f"{what}: {COPIES} copies minus one", shape, copies[key] - once[key], "B")
        for what, key in (("peak of the maps", "peak_of_maps"), ("peak with the overlay", "peak"))
    ]


def _rows(found: dict[str, float], shape: str) -> list[dict[str, object]]:
    return [
        row("peak of the maps", shape, found["peak_of_maps"], "B"),
        row("peak with the overlay", shape, found["peak"], "B"),
    ]

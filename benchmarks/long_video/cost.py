"""What a second of film costs, stage by stage, and how long its maps and its overlay take, here and in a checkout."""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.long_video.process import HERE, run_work
from benchmarks.record import row
from imap_fast.video import VideoFile

REPEATS = 3
"""Runs of each checkout, in turn. Figures are medians."""

TIMED = "maps", "overlay", "both"
STAGES = "decode", "scale", "shots", "encode", "pass", "draw", "write"

Rows = Iterator[list[dict[str, object]]]


def measure(video: Path, model: str, against: Path | None) -> Rows:
    """Yield the rows of the stages, then those of the wall times.

    Args:
        video: the file.
        model: `"demo"`, or a folder.
        against: another checkout, which does the same work in turn with this one.
    """
    shape, seconds = described(video, model)
    yield stage_rows(run_work(video, model, stages=True), seconds, shape)
    checkouts = {"this checkout": HERE}
    if against is not None:
        checkouts[version_of(against)] = against
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in checkouts}
    for _ in range(REPEATS):
        for name, checkout in checkouts.items():
            once = run_work(video, model, checkout=checkout)
            found[name].append(once | {"both": once["maps"] + once["overlay"]})
    medians = {
        name: {what: statistics.median(once[what] for once in runs) for what in (*TIMED, "windows", "peak")}
        for name, runs in found.items()
    }
    yield [
        row(f"{what}, {name}", shape, median, {"windows": "windows", "peak": "B"}.get(what, "s"))
        for name, of in medians.items()
        for what, median in of.items()
    ]
    if against is not None:
        ours, theirs = medians.values()
        yield [
            row(f"{what}, this checkout over {version_of(against)}", shape, ours[what] / theirs[what], "ratio")
            for what in TIMED
        ]


def stage_rows(found: dict[str, Any], seconds: float, shape: str) -> list[dict[str, object]]:
    """Milliseconds of each stage for a second of video, and the seconds of the run in which one waits for the other."""
    rows = [
        row(f"{kind}: {stage}", shape, 1000 * found[f"{kind}_stages"][stage] / seconds, "ms for a second of video")
        for kind in ("maps", "overlay")
        for stage in STAGES
        if stage in found[f"{kind}_stages"]
    ]
    rows.append(row("the model waited for frames", shape, found["model_waited"], "s"))
    rows.append(row("frames waited for the model", shape, found["frames_waited"], "s"))
    return rows


def described(video: Path, model: str) -> tuple[str, float]:
    """The model and the video as text, and the seconds of the video."""
    file = VideoFile(video)
    frames = file.expected_frames
    if frames is None:
        raise SystemExit(f"{video}: its length is unknown; give an .mp4")
    height, width = next(file.timed_frames())[0].shape[:2]
    name = model if model == "demo" else Path(model).name
    seconds = frames / file.fps
    return f"{name}, {seconds:.0f} s of {height} × {width} at {file.fps:g} frames a second", seconds


def version_of(checkout: Path) -> str:
    """The commit of a checkout, in short."""
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{checkout} is no git checkout; make one with git worktree add")
    return done.stdout.strip()

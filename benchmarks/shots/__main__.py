"""How well cuts are found, by us, by FFmpeg and by PySceneDetect, on rendered films.

`python -m benchmarks.shots` writes `benchmarks/results/shots.json`: for each detector the recall of each kind of
transition, the false cuts per minute (at 24 frames a second) of each kind of distraction, the precision and recall of
all, and the time. Thresholds were chosen on the seeds below 1000; it measures the ones from 1000 on. PySceneDetect
is compared if `scenedetect-headless` is installed, and needs OpenCV; nothing else does.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.record import RESULTS, row, versions_of, write
from benchmarks.shots.detectors import DETECTORS
from benchmarks.shots.films import DISTRACTIONS, TRANSITIONS, Film, film
from benchmarks.shots.footage import camera_shot

OUTPUT = RESULTS / "shots.json"
HELD_OUT = 2000
"""The first seed that no threshold was chosen on."""
TIMED_SIZES = ((96, 96), (480, 720), (768, 1360))
FRAMES_A_MINUTE = 24 * 60


@dataclass
class Count:
    """What a detector found: cuts that there are, those of them that it found, cuts where none is, and frames."""

    cuts: int = 0
    found: int = 0
    false: int = 0
    frames: int = 0

    def add(self, of: Film, found: Iterable[int]) -> None:
        """Count what was found in a film. A cut is found by one cut within its frames."""
        left = sorted(found)
        for first, last in of.cuts:
            match = next((number for number in left if first <= number <= last), None)
            if match is not None:
                left.remove(match)
                self.found += 1
        self.cuts += len(of.cuts)
        self.false += len(left)
        self.frames += len(of.frames)


@dataclass
class Result:
    """The counts of one detector by kind of film."""

    kinds: dict[str, Count] = field(default_factory=dict)

    def rows(self, detector: str) -> list[dict[str, object]]:
        """The figures of the detector."""
        rows = []
        for kind, count in self.kinds.items():
            shape = f"{kind}, {detector}"
            if kind in TRANSITIONS:
                rows.append(row("recall", shape, count.found / count.cuts, f"of {count.cuts} cuts"))
            rows.append(row("false cuts", shape, count.false * FRAMES_A_MINUTE / count.frames, "per minute"))
        everything = self.kinds.values()
        cuts, found, false = (sum(getattr(count, name) for count in everything) for name in ("cuts", "found", "false"))
        rows.append(row("recall", f"all, {detector}", found / cuts, f"of {cuts} cuts"))
        rows.append(row("precision", f"all, {detector}", found / max(found + false, 1), f"of {found + false} found"))
        return rows


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, write the results and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="films of each kind")
    parser.add_argument("--first-seed", type=int, default=HELD_OUT)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args(argv)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    results = {name: Result() for name in DETECTORS}
    for kind in (*TRANSITIONS, *DISTRACTIONS):
        for seed in seeds:
            one = film(kind, seed, "held_out" if seed >= HELD_OUT else "train")
            for name, detector in DETECTORS.items():
                results[name].kinds.setdefault(kind, Count()).add(one, detector(one.frames, one.fps))
    rows = [each for name, result in results.items() for each in result.rows(name)]
    rows += [each for name in DETECTORS for each in times(name)]
    libraries = versions_of("av", "numpy", "pillow", "scenedetect-headless", "opencv-python-headless")
    rows.append(
        row("seeds", f"{seeds.start} to {seeds.stop - 1}", len(seeds), "films of each kind") | {"with": libraries}
    )
    write(rows, arguments.output)
    Console(width=140).print(table(rows))
    print(f"{len(rows)} rows in {arguments.output}")


def times(detector: str) -> list[dict[str, object]]:
    """The time for a frame of a moving shot, at several sizes, without its rendering."""
    rows = []
    for size in TIMED_SIZES:
        shot = camera_shot(0, size, "pan")
        frames = [np.ascontiguousarray(shot(number / 24)) for number in range(48)]
        begin = time.process_time()
        DETECTORS[detector](frames, 24)
        spent = (time.process_time() - begin) / len(frames)
        rows.append(row("time", f"{size[0]} × {size[1]}, {detector}", 1000 * spent, "ms of CPU per frame"))
    return rows


def table(rows: list[dict[str, object]]) -> Table:
    """The figures with a line for each kind and a column for each detector."""
    result = Table()
    result.add_column("")
    for name in DETECTORS:
        result.add_column(name, justify="right")
    values = {(each["name"], each["shape"]): each["value"] for each in rows}
    lines = [("recall", kind) for kind in (*TRANSITIONS, "all")] + [("precision", "all")]
    lines += [("false cuts", kind) for kind in DISTRACTIONS]
    lines += [("time", f"{height} × {width}") for height, width in TIMED_SIZES]
    for measure, kind in lines:
        cells = [values.get((measure, f"{kind}, {name}")) for name in DETECTORS]
        result.add_row(f"{measure}: {kind}", *("" if cell is None else f"{cell:.2f}" for cell in cells))
    return result


if __name__ == "__main__":
    main()

"""Does a stretch at the end of an hour cost more than one at the beginning?

`python -m benchmarks.stretch` makes a file of an hour by copying the packets of a clip again and again. It explains
three seconds at its beginning and at 59 minutes with the demo model, and writes `benchmarks/results/stretch.json`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import av

from benchmarks.record import RESULTS, row, write
from imap_fast.demo import world
from imap_fast.video.write import write_timed_mp4

OUTPUT = RESULTS / "stretch.json"

FPS, SECONDS, HOUR = 24, 10, 3600
BEGINNINGS = "0", "59:00"
REPEATS = 5


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args(argv)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scene = world.sample(0, "held_out", num_frames=FPS * SECONDS, side=256)
        timed = ((frame, number / FPS) for number, frame in enumerate(scene.frames))
        write_timed_mp4(folder / "clip.mp4", timed, FPS)
        for suffix in (".mp4", ".mkv", ".ts"):
            video = folder / f"hour{suffix}"
            loop(folder / "clip.mp4", video, HOUR // SECONDS)
            times: dict[str, list[float]] = {start: [] for start in BEGINNINGS}
            for repeat in range(REPEATS):  # in turn, so that other load is that of both
                for start in BEGINNINGS:
                    times[start].append(seconds_of(video, start, folder / f"{start}-{repeat}{suffix}"))
            medians = {start: statistics.median(taken[1:]) for start, taken in times.items()}  # without the warm-up
            shape = f"3 s of an hour, {FPS} frames a second, {suffix}"
            rows += [row(f"explain --start {start}", shape, medians[start], "s") for start in BEGINNINGS]
            rows.append(row("--start 59:00 over --start 0", shape, medians["59:00"] / medians["0"], ""))
    write(rows, arguments.output)
    for each in rows:
        print(f"{each['name']:<32} {each['shape']:<44} {each['value']:.3f}")


def loop(source: Path, target: Path, times: int) -> None:
    """Copy the packets of a file so many times, one copy after the other."""
    with av.open(str(target), "w") as container:
        copy = None
        for repeat in range(times):
            with av.open(str(source)) as clip:
                stream = clip.streams.video[0]
                copy = copy or container.add_stream_from_template(stream)
                offset = round(repeat * SECONDS / stream.time_base)
                for packet in clip.demux(stream):
                    if packet.size:
                        packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                        packet.stream = copy
                        container.mux(packet)


def seconds_of(video: Path, start: str, output: Path) -> float:
    """The seconds that the command takes."""
    from imap_fast.cli import main as imap_fast

    end = "3" if start == "0" else "59:03"
    command = ["explain", str(video), "--model", "demo", "--prompt", "shapes move", "--concepts", "red circle, ground"]
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        code = imap_fast([*command, "--start", start, "--end", end, "--output", str(output)])
    if code:
        raise SystemExit(f"imap-fast explain failed with exit code {code}")
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

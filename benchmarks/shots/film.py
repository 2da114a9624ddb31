"""A film of three minutes with 40 shots, six of them joined by dissolves: memory, kills, and the maps of each shot.

`python -m benchmarks.shots.film` renders it at 24 frames a second from held-out scenes of the demo's world. It explains
the film and its first quarter, and compares peaks of memory. It kills a run ten times with SIGKILL, at counted windows,
and compares the bytes of its folder with those of a run in one go. It explains each shot by itself, between its true
cuts, and compares AUCs. It writes `benchmarks/results/film.json`.
"""

from __future__ import annotations

import argparse
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from benchmarks.record import RESULTS, row, write
from imap_fast.demo import world
from imap_fast.demo.shipped_model import MODEL, best_settings
from imap_fast.maps.run_state import STATE, read_state
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.metrics.ranking import auc
from imap_fast.video import Clip, VideoFile
from imap_fast.video.write import write_timed_mp4

OUTPUT = RESULTS / "film.json"

FPS, SHOTS, FRAMES, DISSOLVES, DISSOLVE = 24, 40, 108, 6, 24
PROMPT, CONCEPTS = "shapes move on a dark ground", 6
KILLS = 10


class Film:
    """The rendered film.

    Attributes:
        scenes: one for each shot.
        begins: the first frame of each shot: the middle of a dissolve.
        concepts: the labels of objects that most scenes have.
    """

    def __init__(self) -> None:
        self.scenes = [world.sample(number, "held_out", num_frames=FRAMES) for number in range(SHOTS)]
        labels = Counter(thing.label for scene in self.scenes for thing in scene.objects)
        self.concepts = [label for label, _ in sorted(labels.items(), key=lambda item: (-item[1], item[0]))[:CONCEPTS]]
        every = SHOTS // DISSOLVES
        self.dissolves = {number for number in range(1, SHOTS) if number % every == every - 1}
        self.starts = [0]  # the frame of the film at which each scene begins, also within a dissolve
        for number in range(1, SHOTS):
            self.starts.append(self.starts[-1] + FRAMES - (DISSOLVE if number in self.dissolves else 0))
        self.begins = [
            start + (DISSOLVE // 2 if number in self.dissolves else 0) for number, start in enumerate(self.starts)
        ]

    def frames(self) -> Iterator[np.ndarray]:
        """Yield the frames, uint8 `[H, W, 3]`."""
        for number, scene in enumerate(self.scenes):
            mixed = DISSOLVE if number in self.dissolves else 0
            left = DISSOLVE if number + 1 in self.dissolves else 0
            for place in range(mixed):
                part = (place + 1) / (mixed + 1)
                before = self.scenes[number - 1].frames[FRAMES - mixed + place]
                yield np.rint((1 - part) * before + part * scene.frames[place]).astype(np.uint8)
            yield from scene.frames[mixed : FRAMES - left]

    def save(self, path: Path, frames: int | None = None) -> None:
        """Write the film, or its first frames, as an .mp4."""
        timed = ((frame, number / FPS) for number, frame in enumerate(self.frames()))
        write_timed_mp4(path, islice(timed, frames), FPS)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--explain", nargs="+", help=argparse.SUPPRESS)  # what a child process does
    arguments = parser.parse_args(argv)
    if arguments.explain:
        video, folder, *concepts = arguments.explain
        explained(Path(video), Path(folder), concepts)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
        return
    film = Film()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film.save(folder / "film.mp4")
        film.save(folder / "quarter.mp4", FRAMES * SHOTS // 4)
        rows = [*memory_rows(film, folder), *kill_rows(film, folder), *shot_rows(film, folder)]
    write(rows, arguments.output)
    for each in rows:
        print(f"{each['name']:<58} {each['shape']:<34} {each['value']}")


def explained(video: Path, folder: Path | None, concepts: Sequence[str], **arguments: object) -> SaliencyMaps:
    """The maps of a video, or of a clip."""
    from diffusers import CogVideoXPipeline

    from imap_fast.explaining.explain import explain

    pipe = CogVideoXPipeline.from_pretrained(str(MODEL))
    return explain(pipe, video, PROMPT, list(concepts), folder=folder, **{**best_settings(), **arguments})


def child(film: Film, video: Path, folder: Path) -> subprocess.Popen[str]:
    """A process that explains a video into a folder, and prints its peak of memory."""
    command = [sys.executable, "-m", "benchmarks.shots.film", "--explain", str(video), str(folder), *film.concepts]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def memory_rows(film: Film, folder: Path) -> Iterator[dict[str, object]]:
    """Peaks of memory of the film and of its first quarter."""
    peaks = {}
    for name in ("quarter", "film"):
        printed, _ = child(film, folder / f"{name}.mp4", folder / name).communicate()
        peaks[name] = int(printed.split()[-1])
        frames = VideoFile(folder / f"{name}.mp4").expected_frames
        yield row("peak of memory", f"{name}: {frames} frames", peaks[name], "B")
    yield row("peak of memory, film over quarter", "", peaks["film"] / peaks["quarter"], "")


def kill_rows(film: Film, folder: Path) -> Iterator[dict[str, object]]:
    """Whether a run that is killed ten times ends with the bytes of a run in one go."""
    windows, killed = read_state(folder / "film").windows, folder / "killed"
    for kill in range(1, KILLS + 1):
        process = child(film, folder / "film.mp4", killed)
        while process.poll() is None:
            if windows_done(killed) >= kill * windows // (KILLS + 1):
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.005)
        process.wait()
        if process.returncode != -signal.SIGKILL:
            raise SystemExit(f"the run ended with exit code {process.returncode} before kill {kill}")
    child(film, folder / "film.mp4", killed).communicate()
    same = {path.name for path in (folder / "film").iterdir()} == {path.name for path in killed.iterdir()}
    same &= all(path.read_bytes() == (killed / path.name).read_bytes() for path in (folder / "film").iterdir())
    yield row(f"same bytes after {KILLS} kills", f"{windows} windows", float(same), "")


def windows_done(folder: Path) -> int:
    """The number of finished windows, or 0 if it cannot be read right now, because it is being replaced."""
    try:
        return read_state(folder).windows if (folder / STATE).exists() else 0
    except ValueError:
        return 0


def shot_rows(film: Film, folder: Path) -> Iterator[dict[str, object]]:
    """The AUC of objects in the film and in each shot by itself."""
    maps = SaliencyMaps.load(folder / "film")
    found = [shot.frames.start for shot in maps.shots]
    hits = sum(any(abs(begin - at) <= DISSOLVE // 4 for at in found) for begin in film.begins)
    yield row("shots found", f"{SHOTS} shots, {DISSOLVES} dissolves", len(found), "")
    yield row("true shots found, within a quarter of a dissolve", f"{SHOTS} shots", hits, "")
    frames = np.stack([frame for frame, _ in VideoFile(folder / "film.mp4").timed_frames()])
    num_frames = maps.settings["video"]["num_frames"]
    scores: dict[tuple[str, str], list[float]] = {}
    for number, (begin, end) in enumerate(pairwise([*film.begins, len(frames)])):
        alone = explained(Clip(frames[begin:end], FPS), None, film.concepts, shots="off")
        covered = alone.settings["video"]["num_frames"]
        scene, offset = film.scenes[number], begin - film.starts[number]
        for name in alone.maps:
            of_film = maps.upsample(num_frames, *frames.shape[1:3], map=name)[:, begin : begin + covered]
            of_shot = alone.upsample(covered, *frames.shape[1:3], map=name)
            for thing in scene.objects:
                mask = thing.mask[offset : offset + of_film.shape[1]]
                if thing.label in film.concepts and 0 < mask.sum() < mask.size:
                    place = film.concepts.index(thing.label)
                    for way, values in (("film", of_film), ("shots one by one", of_shot)):
                        values = values[place, : len(mask)].numpy()
                        scores.setdefault((name, way), []).append(auc(values, mask))
    for (name, way), values in scores.items():
        yield row(f"AUC of objects by {name}: {way}", f"{len(values)} objects", float(np.mean(values)), "")


if __name__ == "__main__":
    main()

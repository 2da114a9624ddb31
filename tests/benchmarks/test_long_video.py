"""The benchmark of long videos: its film, its stages, and its rows."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace

import av
import numpy as np
import pytest

from benchmarks.long_video import __main__ as command
from benchmarks.long_video import cost, film, memory, process, sleeping, stages
from benchmarks.long_video.film import Film, repeat
from benchmarks.long_video.process import run_work
from benchmarks.long_video.stages import MAPS, OVERLAY, Stages, places_of
from imap_fast.video import VideoFile

SMALL = Film(8, fps=8, height=48, width=64)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of one shot, at the rate of the demo model, that fills several of its windows."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(film, "SHOT_SECONDS", (8,))
        SMALL.save(path)
    return path


def test_a_film_is_the_same_each_time_and_has_shots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film, "SHOT_SECONDS", (2, 1))
    small = Film(3.5, fps=4, height=48, width=64)
    frames, again = list(small.frames()), list(small.frames())
    np.testing.assert_array_equal(frames, again)
    assert len(frames) == small.num_frames == 14
    assert {(frame.shape, frame.dtype.name) for frame in frames} == {((48, 64, 3), "uint8")}
    steps = [np.abs(after.astype(int) - before).mean() for before, after in pairwise(frames)]
    assert sorted(np.argsort(steps)[-2:]) == [7, 11], "shots begin at frames 8 and 12"


def test_a_film_has_b_frames_and_copies_follow_each_other(video: Path, tmp_path: Path) -> None:
    with av.open(str(video)) as container:
        kinds = Counter(int(frame.pict_type) for frame in container.decode(video=0))
    assert kinds[3] > kinds[2] > kinds[1] > 0, "more B frames than P frames than key frames"
    repeat(video, tmp_path / "copies.mp4", 3)
    copies = VideoFile(tmp_path / "copies.mp4")
    times = [seconds for _, seconds in copies.timed_frames()]
    np.testing.assert_allclose(times, np.arange(3 * SMALL.num_frames) / SMALL.fps, atol=1e-4)
    assert copies.gaps == []


class Clock:
    """A time that passes only where a test lets it."""

    def __init__(self) -> None:
        self.now = 1.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stages, "time", SimpleNamespace(perf_counter=clock))
    monkeypatch.setattr(stages, "synchronized_clock", clock)
    return clock


@pytest.fixture
def run(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module with a run of three frames: 2 s to decode one, 1 s to look for a cut, 10 s for the model."""
    module = ModuleType("run_of_three_frames")

    class File:
        def frames(self) -> Iterator[int]:
            for number in range(3):
                clock.now += 2
                yield number

    def find(frames: Iterator[int]) -> Iterator[int]:
        for frame in frames:
            clock.now += 1
            yield frame

    def split(frames: Iterator[int]) -> Iterator[int]:
        yield from frames

    def model(frame: int) -> int:
        clock.now += 10
        return frame + 1

    module.File, module.find, module.split, module.model = File, find, split, model
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def names(run: ModuleType) -> dict[str, str]:
    of = {"File.frames": "decode", "find": "shots", "split": "windows", "model": "pass"}
    return {f"{run.__name__}:{name}": stage for name, stage in of.items()}


def test_a_stage_is_counted_without_those_within_it(run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    importer = ModuleType("importer_of_model")
    importer.model = run.model
    monkeypatch.setitem(sys.modules, importer.__name__, importer)
    found, original = Stages(), (run.File.frames, run.find, run.model)
    with found.watching(names(run)):
        assert [importer.model(frame) for frame in run.split(run.find(run.File().frames()))] == [1, 2, 3]
    assert found.seconds == {"decode": 6, "shots": 3, "pass": 30}
    assert found.model_waited == 9, "in one thread, the model waits while frames are made"
    assert found.frames_waited == 30, "and frames wait while it runs"
    assert (run.File.frames, run.find, run.model) == original
    assert importer.model is run.model


def test_windows_that_another_thread_makes_cost_the_model_only_its_waiting(run: ModuleType, clock: Clock) -> None:
    made: list[int] = []

    def make() -> None:
        for frame in run.split(run.find(run.File().frames())):
            made.append(frame)
            clock.now += 5  # until the model takes it

    def wait() -> Iterator[int]:
        clock.now += 4
        yield from made

    run.wait = wait
    found = Stages()
    with found.watching(names(run) | {f"{run.__name__}:wait": "wait"}):
        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        for frame in run.wait():
            run.model(frame)
    assert found.seconds == {"decode": 6, "shots": 3, "wait": 4, "pass": 30}
    assert found.model_waited == 4
    assert found.frames_waited == 15


@pytest.mark.parametrize("name", {**MAPS, **OVERLAY})
def test_every_stage_has_its_function(name: str) -> None:
    assert places_of(name)


FOUND = {"package": "x", "peak_of_maps": 5e6, "peak": 7e6, "windows": 4, "model_waited": 1.0, "frames_waited": 2.0}
STAGES = {"maps_stages": {"decode": 6.0, "pass": 3.0}, "overlay_stages": {"draw": 1.5}}


def test_cost_compares_the_medians_of_runs_in_turn(
    monkeypatch: pytest.MonkeyPatch, video: Path, tmp_path: Path
) -> None:
    order = []

    def work(path: Path, model: str, *, checkout: Path = process.HERE, stages: bool = False) -> dict[str, object]:
        order.append("stages" if stages else checkout.name)
        slow = 4 if checkout == tmp_path else 1
        return {**FOUND, **STAGES, "maps": [100.0, 2.0, 1.0][order.count(checkout.name) - 1] * slow, "overlay": 1.0}

    monkeypatch.setattr(cost, "run_work", work)
    monkeypatch.setattr(cost, "version_of", lambda checkout: "before")
    rows = [row for rows in cost.measure(video, "demo", tmp_path) for row in rows]
    assert order == ["stages", *[process.HERE.name, tmp_path.name] * 3]
    values = {row["name"]: row["value"] for row in rows}
    assert values["maps: decode"] == 750, "ms for each of eight seconds"
    assert values["overlay: draw"] == 187.5
    assert (values["the model waited for frames"], values["frames waited for the model"]) == (1, 2)
    assert (values["maps, this checkout"], values["maps, before"], values["both, before"]) == (2, 8, 9)
    assert values["maps, this checkout over before"] == 0.25
    assert {row["shape"] for row in rows} == {"demo, 8 s of 48 × 64 at 8 frames a second"}


def test_work_by_other_packages_is_no_comparison(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def done(code: int) -> Callable[..., subprocess.CompletedProcess]:
        return lambda command, **_: subprocess.CompletedProcess(command, code, json.dumps(FOUND), "no such film\n")

    monkeypatch.setattr(process.subprocess, "run", done(0))
    with pytest.raises(SystemExit, match="x did the work; give a checkout with the package imap_fast"):
        run_work(Path("film.mp4"), "demo", checkout=tmp_path)
    monkeypatch.setattr(process.subprocess, "run", done(3))
    with pytest.raises(SystemExit, match=r"no such film\nthe work failed with exit code 3"):
        run_work(Path("film.mp4"), "demo", checkout=tmp_path)
    with pytest.raises(SystemExit, match="is no git checkout"):
        cost.version_of(tmp_path / "nowhere")


@pytest.mark.slow
def test_the_work_tells_its_stages(video: Path) -> None:
    found = run_work(video, "demo", stages=True)
    assert found["maps_stages"].keys() == set(MAPS.values())
    assert found["overlay_stages"].keys() == set(OVERLAY.values())
    assert all(seconds > 0 for seconds in found["maps_stages"].values())
    assert found["peak"] >= found["peak_of_maps"] > 2**27
    assert found["model_waited"] < found["maps"]


def test_memory_is_that_of_one_and_of_ten(monkeypatch: pytest.MonkeyPatch, video: Path) -> None:
    frames = []

    def work(path: Path, model: str, *, environment: dict[str, str]) -> dict[str, object]:
        assert environment == memory.GIVES_BACK
        frames.append(VideoFile(path).expected_frames)
        return FOUND | {"peak": 7e6 + 1e6 * len(frames)}

    monkeypatch.setattr(memory, "run_work", work)
    rows = [row for rows in memory.measure(video, "x") for row in rows]
    assert frames == [SMALL.num_frames, 10 * SMALL.num_frames]
    values = {(row["name"], row["shape"]): row["value"] for row in rows}
    assert values["peak with the overlay", "x"] == 8e6
    assert values["peak with the overlay", "10 × x"] == 9e6
    assert values["peak with the overlay: 10 copies minus one", "x"] == 1e6
    assert values["peak of the maps: 10 copies minus one", "x"] == 0


@pytest.mark.slow
def test_a_sleeping_model_computes_each_length_once(monkeypatch: pytest.MonkeyPatch, video: Path) -> None:
    slept, computed = [], []
    monkeypatch.setattr(sleeping, "time", SimpleNamespace(sleep=slept.append, perf_counter=lambda: float(len(slept))))
    for name in ("_encoded", "_read"):
        of_model = getattr(sleeping.Explainer, name)
        monkeypatch.setattr(
            sleeping.Explainer, name, lambda *given, call=of_model, name=name: computed.append(name) or call(*given)
        )
    rows = {row["name"]: row["value"] for rows in sleeping.measure(video, "x") for row in rows}
    windows = rows["windows"]
    assert windows > 1
    assert computed == ["_encoded", "_read"], "all windows of this film have one length"
    assert rows["reading alone"] == 2 * windows, "the time of this test is the number of sleeps"
    assert slept[: 4 * windows] == [0] * 4 * windows
    each = rows["reading alone"] / windows / 2
    assert slept[4 * windows :] == [each * share for share in sleeping.SHARES for _ in range(2 * windows)]
    assert rows["sleeps 2 × as long as reading takes: wall time over the longer one"] == 0.5
    assert rows["sleeps 2 × as long as reading takes: one after the other"] == 1.5


def test_rows_are_on_disk_as_soon_as_they_are_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def measure(video: Path, model: str, against: Path | None) -> Iterator[list[dict[str, object]]]:
        yield [{"name": "maps: decode", "shape": f"{video} {model} {against}", "value": 1.5, "unit": "ms"}]
        raise KeyboardInterrupt

    monkeypatch.setattr(cost, "measure", measure)
    with pytest.raises(KeyboardInterrupt):
        command.main(["cost", "--video", "a.mp4", "--output", str(tmp_path / "cost.json")])
    (row,) = json.loads((tmp_path / "cost.json").read_text())["rows"]
    assert (row["shape"], row["value"]) == ("a.mp4 demo None", 1.5)

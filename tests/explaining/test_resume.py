"""A run that ends at any moment goes on from there, to the same bytes."""

from __future__ import annotations

import io
import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import torch

import imap_fast
from imap_fast import SaliencyMaps
from imap_fast.explaining import checkpoint
from imap_fast.explaining.blending import Blender
from imap_fast.explaining.checkpoint import Checkpoint
from imap_fast.explaining.explainer import Explainer
from imap_fast.maps.run_state import read_state
from imap_fast.video import Clip
from tests.assertions import assert_close
from tests.explaining.runs import Killed, contents, same
from tests.explaining.test_explain import ARGUMENTS, READ, clip
from tests.precision import in_fp64
from tests.tiny import tiny_pipeline


@pytest.fixture(scope="module")
def pipeline():
    return tiny_pipeline()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten windows of the tiny model, the last one shifted back."""
    path = tmp_path_factory.mktemp("videos") / "long.mp4"
    clip(9 + 8 * 8 + 5).save(path)
    return path


def explain(pipeline, video: Path, folder: Path | None, **changed: object) -> SaliencyMaps:
    return imap_fast.explain(pipeline, video, *ARGUMENTS, folder=folder, **{**READ, **changed})


@pytest.fixture(scope="module")
def in_one_go(pipeline, video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "new" / "run"
    explain(pipeline, video, folder)
    return folder


@pytest.mark.slow
def test_disk_and_memory_hold_the_same(pipeline, video: Path, in_one_go: Path) -> None:
    in_memory, on_disk = explain(pipeline, video, None), SaliencyMaps.load(in_one_go)
    assert in_memory.settings["video"]["windows"] == 10
    assert same(in_memory, on_disk)
    assert sorted(contents(in_one_go)) == [
        ".lock",
        "gramcol.npy",
        "imap.npy",
        "seconds.npy",
        "state.safetensors",
    ]
    assert np.array_equal(np.load(in_one_go / "imap.npy"), on_disk.imap.transpose(0, 1))
    assert np.array_equal(np.load(in_one_go / "seconds.npy"), on_disk.seconds)
    assert on_disk.imap.shape == (2, 20, 2, 3)


class Events:
    """Counts what happens in a run. A process that meets its `fatal` event, a kind and a number, is killed there."""

    KINDS = (
        "window passed",  # nothing of it is written
        "array written",
        "byte of an array",
        "byte of a state",
        "state to replace",  # its temporary file is whole
        "state replaced",
    )

    def __init__(self, fatal: tuple[str, int] | None = None) -> None:
        self.counted, self.fatal = Counter(), fatal

    def happened(self, kind: str, times: int = 1) -> None:
        self.counted[kind] += times
        if self.fatal == (kind, self.counted[kind]):
            os.kill(os.getpid(), signal.SIGKILL)

    def count(self, patched: pytest.MonkeyPatch) -> Events:
        """Counts until `patched` is undone."""

        def before(function: Callable, kind: str) -> Callable:
            return lambda *arguments: (self.happened(kind), function(*arguments))[1]

        def after(function: Callable, kind: str) -> Callable:
            return lambda *arguments: (function(*arguments), self.happened(kind))[0]

        def opened(path: Path, mode: str = "r", *rest: object, **named: object) -> IO:
            return File(self, path, mode) if mode in ("wb", "r+b") else stock(path, mode, *rest, **named)

        stock = Path.open
        patched.setattr(Path, "open", opened)
        patched.setattr(Blender, "add", before(Blender.add, "window passed"))
        patched.setattr(checkpoint, "write_frames", after(checkpoint.write_frames, "array written"))
        patched.setattr(os, "replace", before(os.replace, "state to replace"))
        patched.setattr(checkpoint, "write_state", after(checkpoint.write_state, "state replaced"))
        return self


class File(io.FileIO):
    """A file without a buffer, which ends with the last byte before the fatal one, and with that."""

    def __init__(self, events: Events, path: Path, mode: str) -> None:
        super().__init__(path, mode)
        self.events, self.kind = events, "byte of an array" if path.suffix == ".npy" else "byte of a state"

    def write(self, content: bytes) -> int:
        kind, number = self.events.fatal or (None, 0)
        last = number - self.events.counted[kind] if kind == self.kind else None
        written = super().write(memoryview(content).cast("B")[:last])
        self.events.happened(self.kind, written)
        return written


def run_and_kill(pipeline, video: Path, folder: Path, fatal: tuple[str, int]) -> None:
    """The run in a process of its own, killed at an event."""
    child = os.fork()
    if child == 0:
        try:
            torch.set_num_threads(1)  # the parent's other threads are not here
            Events(fatal).count(pytest.MonkeyPatch())
            explain(pipeline, video, folder)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"it ended before {fatal}"
    assert os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.slow
def test_killed_at_random_events_it_ends_with_the_same_bytes(pipeline, video, in_one_go, tmp_path, monkeypatch) -> None:
    with monkeypatch.context() as patched:
        whole = Events().count(patched)
        explain(pipeline, video, tmp_path / "counted")
    assert set(whole.counted) == set(Events.KINDS)
    draw, places = random.Random(29), []
    for kind in Events.KINDS:
        for number in draw.sample(range(1, whole.counted[kind] + 1), 2):
            folder = tmp_path / f"{kind} {number}"
            run_and_kill(pipeline, video, folder, (kind, number))
            left = contents(folder)
            windows = read_state(folder).windows if checkpoint.STATE in left else None
            # The temporary file has another name each time.
            places.append((windows, *sorted((Path(name).suffix, len(content)) for name, content in left.items())))
            explain(pipeline, video, folder)
            assert contents(folder) == contents(in_one_go), (kind, number)
    assert len(set(places)) >= 10  # it was interrupted in different places


@pytest.mark.slow
@pytest.mark.parametrize("function", ["write_frames", "write_state"])
@pytest.mark.parametrize("call", [1, 4, 12])
def test_cut_off_between_any_two_writes(function, call, pipeline, video, in_one_go, tmp_path, monkeypatch) -> None:
    calls, write = [], getattr(checkpoint, function)

    def cut_off(*arguments: object) -> None:
        calls.append(function)
        if len(calls) == call:
            raise Killed
        write(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, function, cut_off)
        with pytest.raises(Killed):
            explain(pipeline, video, tmp_path)
    explain(pipeline, video, tmp_path)
    assert contents(tmp_path) == contents(in_one_go)


@pytest.mark.slow
def test_several_windows_in_a_forward_are_the_same_and_go_on(video, tmp_path, monkeypatch) -> None:
    pipeline = in_fp64(tiny_pipeline())
    together, alone = explain(pipeline, video, tmp_path / "whole", windows_per_batch=3), explain(pipeline, video, None)
    assert_close(together.imap, alone.imap, 1e-6)
    run, passed = Explainer._pass, []

    def stop(*arguments: object) -> None:
        if len(passed) == 2:
            raise Killed
        passed.append(len(arguments[1]))
        return run(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Explainer, "_pass", stop)
        with pytest.raises(Killed):
            explain(pipeline, video, tmp_path / "cut", windows_per_batch=3)
    assert passed == [3, 3]
    assert same(explain(pipeline, video, tmp_path / "cut", windows_per_batch=3), together)


@pytest.mark.slow
def test_a_batch_that_was_found_to_fit_is_kept(pipeline, video, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("imap_fast.explaining.gpu_memory.PeakMeter.windows_that_fit", lambda meter: 4)
    whole = explain(pipeline, video, tmp_path / "whole", windows_per_batch="auto")
    commit, commits = Checkpoint.commit, []

    def stop(run: Checkpoint) -> None:
        commit(run)
        commits.append(run.state.windows)
        if len(commits) == 1:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "commit", stop)
        with pytest.raises(Killed):
            explain(pipeline, video, tmp_path / "cut", windows_per_batch="auto")
        monkeypatch.setattr("imap_fast.explaining.gpu_memory.PeakMeter.windows_that_fit", lambda meter: 2)
        assert same(explain(pipeline, video, tmp_path / "cut", windows_per_batch="auto"), whole)
    assert commits == [1, 5, 9, 10, 10]


@pytest.mark.slow
def test_each_of_several_videos_is_recognized_by_itself(pipeline, video, tmp_path, monkeypatch) -> None:
    """Though the labels are the prompt's tokens, which are known from the first video on."""
    read = {**READ, "match": "prompt"}
    with Explainer(pipeline, "a red cat", None, **read) as explainer:
        first, second = (explainer.explain(video, folder=tmp_path / name) for name in ("first", "second"))
    assert same(first, second)
    monkeypatch.setattr(Explainer, "_pass", lambda *_: pytest.fail("repeated"))
    with Explainer(pipeline, "a red cat", None, **read) as explainer:
        assert same(explainer.explain(video, folder=tmp_path / "second"), first)


def test_a_finished_run_is_not_repeated(pipeline, video, in_one_go, monkeypatch) -> None:
    monkeypatch.setattr(Explainer, "_pass", lambda *_: pytest.fail("repeated"))
    before = contents(in_one_go)
    assert same(explain(pipeline, video, in_one_go), SaliencyMaps.load(in_one_go))
    assert contents(in_one_go) == before


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"steps": [10]}, r"steps was \[30\] and is \[10\]"),
        ({"overlap": 2}, "overlap was 1 and is 2"),
        ({"layers": [0]}, r"layers was \[0, 1\] and is \[0\]"),
        ({"generator": torch.Generator().manual_seed(1)}, "noise changed"),
    ],
    ids=["steps", "overlap", "layers", "generator"],
)
def test_other_settings_are_refused_by_name(changed: dict, says: str, pipeline, video, in_one_go) -> None:
    with pytest.raises(ValueError, match=f"{in_one_go} holds a run with other settings: .*{says}"):
        explain(pipeline, video, in_one_go, **changed)


def test_another_video_or_text_is_refused(pipeline, in_one_go) -> None:
    with pytest.raises(ValueError, match="video changed;"):
        explain(pipeline, clip(30), in_one_go)
    with pytest.raises(ValueError, match="prompt was 'a red cat' and is 'a dog'"):
        imap_fast.explain(pipeline, clip(), "a dog", ARGUMENTS[1], folder=in_one_go, **READ)


@pytest.mark.slow
def test_a_full_disk_and_an_unwritable_folder(pipeline, video, in_one_go, tmp_path, monkeypatch) -> None:
    calls, write = [], checkpoint.write_frames

    def full(path: Path, start: int, values: np.ndarray) -> None:
        calls.append(path)
        write(path, start, values[: len(values) // 2] if len(calls) > 12 else values)
        if len(calls) > 12:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "write_frames", full)
        with pytest.raises(OSError, match="No space left"):
            explain(pipeline, video, tmp_path / "run")
    with pytest.raises(ValueError, match="not finished; run the same command again"):
        SaliencyMaps.load(tmp_path / "run")
    assert 0 < read_state(tmp_path / "run").windows < 10
    explain(pipeline, video, tmp_path / "run")
    assert contents(tmp_path / "run") == contents(in_one_go)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="cannot be written"):
        explain(pipeline, video, tmp_path / "file" / "run")


def test_a_damaged_state_is_told(pipeline, video, tmp_path) -> None:
    (tmp_path / checkpoint.STATE).write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"state\.safetensors is damaged: .*header"):
        explain(pipeline, video, tmp_path)


def test_loading_maps_the_file_and_leaves_it_alone(in_one_go: Path) -> None:
    before = contents(in_one_go)
    maps = SaliencyMaps.load(in_one_go)
    maps.imap[:] = 0
    assert contents(in_one_go) == before
    assert SaliencyMaps.load(in_one_go).imap.abs().max() > 0


@pytest.mark.slow
def test_a_run_is_saved_and_shown_like_any_maps(in_one_go: Path, video: Path, tmp_path: Path) -> None:
    maps = SaliencyMaps.load(in_one_go)
    for suffix in (".npz", ".safetensors"):
        maps.save(tmp_path / f"maps{suffix}")
        assert same(SaliencyMaps.load(tmp_path / f"maps{suffix}"), maps)
    maps.save_overlay(tmp_path / "overlay.mp4", video)
    assert Clip.of(maps.overlay(video)).frames.shape[0] == 77
    assert (tmp_path / "overlay.mp4").stat().st_size > 1000

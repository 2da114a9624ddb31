"""A folder has one writer, and what it wrote stays, whatever happens to the disk."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from imap_fast import SaliencyMaps
from imap_fast.explaining.checkpoint import Checkpoint
from imap_fast.explaining.explainer import Explainer
from imap_fast.files import locked
from imap_fast.maps.run_folder import write_frames
from imap_fast.maps.run_state import read_state
from tests.explaining.runs import ARRAYS, contents, explain, options_of, refused, same
from tests.tiny import tiny_pipeline


@pytest.fixture(scope="module")
def pipeline():
    return tiny_pipeline()


@pytest.mark.slow
def test_a_second_process_is_refused_before_it_changes_anything(pipeline, runs, unfinished) -> None:
    (unfinished / f".{'0' * 32}.safetensors").write_bytes(b"the other process is writing it")
    (unfinished / ".mine.safetensors").touch()
    with locked(unfinished):
        before = contents(unfinished)
        with pytest.raises(ValueError, match=f"another process is writing to {unfinished}"):
            explain(pipeline, unfinished)
        assert contents(unfinished) == before
    explain(pipeline, unfinished)
    assert contents(unfinished) == contents(runs / "finished") | {".mine.safetensors": b""}
    with locked(unfinished):  # which concerns nobody who reads
        assert same(explain(pipeline, unfinished), SaliencyMaps.load(unfinished))


@pytest.mark.slow
def test_a_run_holds_its_lock_to_its_end_and_no_longer(pipeline, tmp_path, monkeypatch) -> None:
    run, told = Explainer._pass, []

    def second(*arguments: object) -> None:
        told.append(refused(lambda: Checkpoint(tmp_path / "run", {})))
        told.append(refused(lambda: Checkpoint(tmp_path / "run", options_of(tmp_path / "run"))))
        return run(*arguments)

    monkeypatch.setattr(Explainer, "_pass", second)
    explain(pipeline, tmp_path / "run", num_frames=9)
    assert "other settings" in told[0]
    assert "another process" in told[1]
    with locked(tmp_path / "run"):
        pass


def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even for the user root, whom no permission stops."""

    def refusing(function: Callable, writes: Callable) -> Callable:
        def checked(path: object, *rest: object, **named: object) -> object:
            if writes(*rest):
                raise OSError(30, "Read-only file system", str(path))
            return function(path, *rest, **named)

        return checked

    monkeypatch.setattr(Path, "open", refusing(Path.open, lambda mode="r", *_: mode not in ("r", "rb")))
    monkeypatch.setattr(os, "open", refusing(os.open, lambda flags, *_: flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)))
    monkeypatch.setattr(os, "replace", refusing(os.replace, lambda *_: True))


@pytest.mark.slow
def test_a_read_only_folder_is_loaded_and_loses_nothing(pipeline, runs, finished, unfinished, monkeypatch) -> None:
    (finished / ".lock").unlink()
    before = contents(finished), contents(unfinished)
    with monkeypatch.context() as patched:
        read_only(patched)
        assert same(SaliencyMaps.load(finished), explain(pipeline, finished))
        with pytest.raises(ValueError, match=rf"{unfinished} cannot be written \(Read-only file system\); make it"):
            explain(pipeline, unfinished)
    assert (contents(finished), contents(unfinished)) == before
    explain(pipeline, unfinished)
    assert contents(unfinished) == contents(runs / "finished")


class FullDisk:
    """Takes so many bytes, and then no more."""

    def __init__(self, free: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free, stock = free, Path.open

        def opened(path: Path, mode: str = "r", *rest: object, **named: object) -> IO:
            file = stock(path, mode, 0) if mode in ("wb", "r+b") else stock(path, mode, *rest, **named)
            return self.file(file) if mode in ("wb", "r+b") else file

        monkeypatch.setattr(Path, "open", opened)

    def file(self, file: Any) -> Any:
        disk = self

        class File(type(file)):
            def write(self, content: bytes) -> int:
                content = memoryview(content).cast("B")
                written = super().write(content[: disk.free])
                disk.free -= written
                if written < len(content):
                    raise OSError(28, "No space left on device")
                return written

        replaced = File(os.dup(file.fileno()), file.mode)
        file.close()
        return replaced


@pytest.mark.slow
def test_a_full_disk_loses_nothing_that_was_committed(pipeline, runs, unfinished, tmp_path, monkeypatch) -> None:
    with monkeypatch.context() as patched:
        disk = FullDisk(10**9, patched)
        explain(pipeline, shutil.copytree(unfinished, tmp_path / "counted"))
        needed = 10**9 - disk.free
    committed = read_state(unfinished)
    places = [0, 60, 140, *random.Random(5).sample(range(needed), 4), needed - 1]
    for free in places:
        folder = shutil.copytree(unfinished, tmp_path / f"{free}")
        with monkeypatch.context() as patched:
            FullDisk(free, patched)
            with pytest.raises(OSError, match=rf"{free} cannot be written \(No space left.*run again: finished"):
                explain(pipeline, folder)
        assert sorted(contents(folder)) == sorted(contents(unfinished)), "no temporary file stays"
        assert read_state(folder).windows >= committed.windows
        explain(pipeline, folder)
        assert contents(folder) == contents(runs / "finished"), free


@pytest.mark.slow
def test_frames_are_on_disk_before_the_state_that_names_them(pipeline, tmp_path, monkeypatch) -> None:
    """Else a power loss may leave the state without them."""
    happened, sync, replace, write = [], os.fsync, os.replace, write_frames
    (tmp_path / "run").mkdir()

    def name_of(descriptor: int) -> str:
        """Of the open file."""
        names = {path.stat().st_ino: path.name for path in (tmp_path / "run", *(tmp_path / "run").iterdir())}
        return names[os.fstat(descriptor).st_ino]

    monkeypatch.setattr(os, "fsync", lambda fd: (happened.append(name_of(fd)), sync(fd)))
    monkeypatch.setattr(os, "replace", lambda *paths: (happened.append("state replaced"), replace(*paths)))
    monkeypatch.setattr(
        "imap_fast.explaining.checkpoint.write_frames",
        lambda path, *rest: (happened.append(f"{path.name} written"), write(path, *rest)),
    )
    explain(pipeline, tmp_path / "run", num_frames=9)
    happened = [each if not each.startswith(".") else "state" for each in happened]
    assert happened[-11:] == [
        *(event for name in ARRAYS for event in (f"{name} written", name, "run")),
        "state",
        "state replaced",
    ]


@pytest.mark.parametrize("name", ARRAYS)
def test_nothing_is_written_through_a_link(name, pipeline, runs, unfinished, tmp_path) -> None:
    """A link to the same file of another run, in a folder that is resumed, and in one that is begun."""
    other = shutil.copy(runs / "finished" / name, tmp_path / "other.npy")
    before = other.read_bytes()
    for folder in (unfinished, tmp_path / "new"):
        folder.mkdir(exist_ok=True)
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(other)
        # Its values are those of the run, so only the link is wrong.
        with pytest.raises((OSError, ValueError)):
            explain(pipeline, folder)
        assert other.read_bytes() == before


def test_a_run_that_begins_leaves_files_of_the_same_name_alone(pipeline, tmp_path) -> None:
    write_frames(tmp_path / "imap.npy", 0, np.zeros((2, 3), np.float32))
    opened = np.load(tmp_path / "imap.npy", mmap_mode="r")
    os.link(tmp_path / "imap.npy", tmp_path / "kept.npy")
    write_frames(tmp_path / "imap.npy", 0, np.ones((2, 3), np.float32))
    assert not opened.any()
    assert not np.load(tmp_path / "kept.npy").any()
    assert np.load(tmp_path / "imap.npy").all()


def test_a_link_is_named(tmp_path) -> None:
    (tmp_path / "imap.npy").symlink_to(tmp_path / "nothing.npy")
    with pytest.raises(OSError, match=r"imap\.npy is a symbolic link; put the file itself in its place"):
        write_frames(tmp_path / "imap.npy", 0, np.zeros((2, 3), np.float32))
    assert not (tmp_path / "nothing.npy").exists()

"""Files appear whole or not at all, and a folder has one writer."""

import hashlib
import os
import signal

import pytest

from imap_fast.files import atomic_write, locked, sha256_of


def test_appears_at_the_end_with_folders_made(tmp_path):
    path = tmp_path / "new" / "notes.txt"
    with atomic_write(path) as unfinished:
        assert unfinished.suffix == ".txt"
        unfinished.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_reader_of_the_old_file_is_not_disturbed(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("old")
    with path.open() as reader:
        with atomic_write(path) as unfinished:
            unfinished.write_text("new")
        assert reader.read() == "old"
    assert path.read_text() == "new"


def fail_half_way(path):
    with atomic_write(path) as unfinished:
        unfinished.write_text("half")
        raise KeyError("half way")


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("old")
    with pytest.raises(KeyError, match="half way"):
        fail_half_way(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_second_writer_is_refused_until_the_first_one_is_done(tmp_path):
    with locked(tmp_path / "new"):
        with pytest.raises(ValueError, match=r"another process is writing to .*new; wait for it"):
            with locked(tmp_path / "new"):
                pass
    with locked(tmp_path / "new"):
        pass


def test_a_lock_dies_with_its_process(tmp_path):
    ready, holds = os.pipe()
    child = os.fork()
    if child == 0:
        with locked(tmp_path):
            os.write(holds, b"1")
            signal.pause()
    os.read(ready, 1)
    with pytest.raises(ValueError, match="another process"), locked(tmp_path):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with locked(tmp_path):
        pass


def test_a_digest_is_of_the_whole_file(tmp_path):
    content = bytes(range(256)) * 10_000  # more than one part
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()

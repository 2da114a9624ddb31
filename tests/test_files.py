"""Files appear whole or not at all."""

import pytest

from imap_fast.files import atomic_write


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

"""Several files that replace others: all or none, whatever happens, and never a file of somebody else."""

import multiprocessing
import os

import pytest

from imap_fast.cli.commit import BEFORE, commit, commit_run, finish_commit
from imap_fast.cli.record import NOT_WRITTEN, RECORD, write_record
from imap_fast.cli.results import NEW, UNFINISHED, results_folder, resumable_folder

NAMES = ["a.txt", "deep/b.txt", RECORD]

GONE = "deep/gone.txt"
"""A file of the old run that the new one could not write."""


class Cut(BaseException):
    """The end of a process, which leaves no chance to tidy up."""


def fill(folder, content):
    written = [*NAMES[:-1], GONE] if content == "old" else NAMES[:-1]
    for name in written:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    not_written = {} if content == "old" else {GONE: "no space"}
    write_record(folder, {"content": content, NOT_WRITTEN: not_written}, written)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folders(tmp_path):
    """New files within a folder of old ones, and something of the user's."""
    new, folder = tmp_path / "out" / NEW, tmp_path / "out"
    fill(folder, "old")
    fill(new, "new")
    (folder / "mine.txt").write_text("mine")
    return new, folder


def failing(monkeypatch, after, error):
    """`os.replace` does its work `after` times, and from then on raises."""
    replace, calls = os.replace, iter(range(1000))

    def fail(*paths):
        if next(calls) >= after:
            raise error
        replace(*paths)

    monkeypatch.setattr("imap_fast.cli.commit.os.replace", fail)


def test_new_files_take_the_place_of_old_ones(folders):
    new, folder = folders
    expected = contents(new)
    commit_run(new, folder)
    assert {name: content for name, content in contents(folder).items() if not name.startswith(NEW)} == expected | {
        "mine.txt": b"mine"
    }


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("after", range(2 * len(NAMES) + 1))
def test_an_exception_between_any_two_files_leaves_all_as_it_was(folders, monkeypatch, after, error):
    new, folder = folders
    before = contents(folder)
    failing(monkeypatch, after, error)
    with pytest.raises(type(error)):
        commit_run(new, folder)
    assert contents(folder) == before


@pytest.mark.parametrize("after", range(len(NAMES)))
def test_files_that_replace_nothing_are_taken_back(tmp_path, monkeypatch, after):
    new, folder = tmp_path / "out" / NEW, tmp_path / "out"
    fill(new, "new")
    before = contents(folder)
    failing(monkeypatch, after, OSError(28, "No space left on device"))
    with pytest.raises(OSError, match="No space"):
        commit_run(new, folder)
    assert contents(folder) == before


@pytest.mark.parametrize("after", range(2 * len(NAMES) + 2))
def test_a_process_that_dies_leaves_no_record_of_a_mixture_and_the_next_one_finishes(folders, tmp_path, after):
    new, folder = folders
    expected = contents(new) | {"mine.txt": b"mine"}
    child = os.fork()
    if child == 0:
        with pytest.MonkeyPatch.context() as patched:
            replace, calls = os.replace, iter(range(1000))
            patched.setattr(os, "replace", lambda *paths: os._exit(0) if next(calls) >= after else replace(*paths))
            commit_run(new, folder)
        os._exit(0)
    os.waitpid(child, 0)
    left = contents(folder)
    if RECORD in left:
        whose = "new" if b'"new"' in left[RECORD] else "old"
        assert all(left[name] == whose.encode() for name in NAMES[:-1])
        assert (GONE in left) == (whose == "old")
    finish_commit(new, folder)
    assert contents(folder) == expected
    assert not new.exists()


@pytest.mark.parametrize("hidden", [UNFINISHED, NEW])
def test_a_run_that_replaces_others_first_finishes_what_a_dead_process_began(tmp_path, hidden):
    folder = tmp_path / "out"
    fill(folder, "old")
    fill(folder / hidden, "new")
    (folder / hidden / BEFORE).mkdir()
    with resumable_folder(folder, NAMES, {}, overwrite=True) as unfinished:
        assert (folder / "a.txt").read_text() == "new"
        fill(unfinished, "newest")
    assert (folder / "a.txt").read_text() == "newest"
    assert not (folder / hidden).exists()


def test_files_that_a_dead_process_was_still_writing_are_removed(tmp_path):
    fill(tmp_path / "out" / NEW, "new")
    with resumable_folder(tmp_path / "out", NAMES, {}, overwrite=False) as unfinished:
        fill(unfinished, "newest")
    assert sorted(contents(tmp_path / "out")) == sorted(NAMES)


def test_a_file_that_neither_is_there_nor_failed_is_an_error(folders):
    new, folder = folders
    before = contents(folder)
    (new / "a.txt").unlink()
    before.pop(f"{NEW}/a.txt")
    with pytest.raises(FileNotFoundError):
        commit(new, folder, NAMES)
    assert contents(folder) == before


def test_what_was_no_commit_is_not_finished(folders):
    new, folder = folders
    before = contents(folder)
    finish_commit(new, folder)
    assert contents(folder) == before
    assert not (new / BEFORE).exists()


def write(folder, content, error=None):
    with results_folder(folder, ["maps.npz", RECORD], overwrite=True) as new:
        (new / "maps.npz").write_text(content)
        if error:
            raise error
        write_record(new, {"content": content}, ["maps.npz"])


def test_a_failure_removes_nothing_that_somebody_else_wrote_meanwhile(tmp_path):
    def fail():
        with results_folder(tmp_path / "out", [RECORD], overwrite=False):
            (tmp_path / "out" / "mine.txt").write_text("mine")
            raise ValueError("failed")

    with pytest.raises(ValueError, match="failed"):
        fail()
    assert contents(tmp_path) == {"out/mine.txt": b"mine"}


def test_a_failure_leaves_no_folder_and_a_success_no_hidden_file(tmp_path):
    with pytest.raises(Cut):
        write(tmp_path / "out", "new", Cut())
    assert list(tmp_path.iterdir()) == []
    write(tmp_path / "out", "old")
    write(tmp_path / "out", "new")
    assert sorted(contents(tmp_path / "out")) == ["maps.npz", RECORD]
    assert (tmp_path / "out" / "maps.npz").read_text() == "new"


def test_a_folder_in_the_place_of_a_file_is_not_replaced(tmp_path):
    (tmp_path / "out" / "maps.npz").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"maps\.npz is not a regular file, and is not replaced"):
        write(tmp_path / "out", "new")
    assert (tmp_path / "out" / "maps.npz").is_dir()


def hold(folder, began, ends):
    with results_folder(folder, [RECORD], overwrite=True) as new:
        began.set()
        ends.wait()
        write_record(new, {"content": "first"}, [])


@pytest.mark.parametrize("kind", ["results", "resumable"])
def test_a_second_process_is_refused_and_the_first_one_loses_nothing(tmp_path, kind):
    fork = multiprocessing.get_context("fork")
    began, ends = fork.Event(), fork.Event()
    first = fork.Process(target=hold, args=(tmp_path / "out", began, ends))
    first.start()
    began.wait()
    arguments = ([RECORD],) if kind == "results" else ([RECORD], {"seed": 0})
    opened = {"results": results_folder, "resumable": resumable_folder}[kind]
    with pytest.raises(ValueError, match=r"another process is writing to .*out; wait for it"):
        with opened(tmp_path / "out", *arguments, overwrite=True):
            pass
    ends.set()
    first.join()
    assert b'"first"' in contents(tmp_path / "out")[RECORD]
    assert list(contents(tmp_path)) == [f"out/{RECORD}"]


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"a": ' * 10**5, b"\xff", None])
def test_damaged_options_of_an_unfinished_run_are_one_line(tmp_path, content):
    options = tmp_path / "out" / ".unfinished" / "options.json"
    options.parent.mkdir(parents=True)
    options.write_bytes(content) if content is not None else options.mkdir()
    with pytest.raises(ValueError, match=r"options\.json .*; pass --overwrite or another --output$"):
        with resumable_folder(tmp_path / "out", [RECORD], {"seed": 0}, overwrite=False):
            pass
    with resumable_folder(tmp_path / "out", [RECORD], {"seed": 0}, overwrite=True) as new:
        write_record(new, {}, [])
    assert list(contents(tmp_path)) == [f"out/{RECORD}"]

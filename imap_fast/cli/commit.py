"""Several files take the place of older ones together: all of them, or none."""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from imap_fast.cli.record import NOT_WRITTEN, RECORD, record_of

BEFORE = ".before"
"""In the folder of the new files: the files that they replace. It exists while they are replaced."""


def commit(new: Path, folder: Path, names: Sequence[str], gone: Sequence[str] = ()) -> None:
    """Move files from one folder into another one, where they replace files of the same names.

    An exception at any point, also Ctrl-C, leaves both folders as they were. The last name is that of the record. It is
    the first to leave and the last to come, so that a process that dies leaves no record of a mixture.

    Args:
        new: holds `names`. Old files are left in its folder `BEFORE`.
        folder: on the same file system.
        names: relative paths.
        gone: relative paths of files in `folder` that nothing replaces. They leave with the old files.

    Raises:
        OSError: a file cannot be moved.
    """
    before = new / BEFORE
    try:
        for name in (*gone, *names):
            (before / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        for name in (*reversed(names), *gone):
            if (folder / name).exists():
                os.replace(folder / name, before / name)
        for name in names:
            os.replace(new / name, folder / name)
        _remove_empty(folder, gone)
    except BaseException:
        for name in reversed(names):
            if not (new / name).exists() and (folder / name).exists():
                (folder / name).rename(new / name)
        for name in (*gone, *names):
            if (before / name).exists():
                (before / name).rename(folder / name)
        shutil.rmtree(before, ignore_errors=True)
        raise


def _remove_empty(folder: Path, gone: Sequence[str]) -> None:
    """Remove the folders inside of `folder` that are empty since their files left."""
    parents = {parent for name in gone for parent in Path(name).parents if parent != Path()}
    for parent in sorted(parents, key=lambda parent: -len(parent.parts)):
        with suppress(OSError):  # there are other files in it, or it was never there
            (folder / parent).rmdir()


def commit_run(new: Path, folder: Path, record: str = RECORD) -> None:
    """`commit` of a run: its record, and of the files that this names those that are in `new`.

    Files that the record calls `NOT_WRITTEN` leave `folder`: an older one there is of another run. So do files that
    only the older record in `folder` names.

    Raises:
        ValueError: the record in `new` is missing or damaged.
        OSError: a file cannot be moved.
    """
    content = record_of(new, record)
    names = [name for name in (*content["sha256"], record) if (new / name).exists()]
    older = [name for name in _older_files(folder, record) if name not in content["sha256"]]
    commit(new, folder, names, list(dict.fromkeys([*content.get(NOT_WRITTEN, {}), *older])))


def _older_files(folder: Path, record: str) -> list[str]:
    """The files of the run whose record is in a folder, if there is one that is whole."""
    try:
        names = record_of(folder, record)["sha256"]
    except ValueError:
        return []
    # A record may come from elsewhere.
    return [name for name in names if not Path(name).is_absolute() and ".." not in Path(name).parts]


def finish_commit(new: Path, folder: Path, record: str = RECORD) -> None:
    """Finish the commit of a process that died within it, and remove its folder `new`. Without one, nothing changes.

    Raises:
        ValueError: the record in `new` is damaged.
        OSError: a file cannot be moved.
    """
    if not (new / BEFORE).exists():
        return
    if (new / record).exists():
        commit_run(new, folder, record)
    shutil.rmtree(new)

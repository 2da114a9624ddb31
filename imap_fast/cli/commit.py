"""Several files take the place of older ones together: all of them, or none."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from imap_fast.cli.record import RECORD, record_of

BEFORE = ".before"
"""In the folder of the new files: the files that they replace. It exists while they are replaced."""


def commit(new: Path, folder: Path, names: Sequence[str]) -> None:
    """Move files from one folder into another one, where they replace files of the same names.

    An exception at any point, also Ctrl-C, leaves both folders as they were. The last name is that of the record. It is
    the first to leave and the last to come, so that a process that dies leaves no record of a mixture.

    Args:
        new: holds `names`. Old files are left in its folder `BEFORE`.
        folder: on the same file system.
        names: relative paths.

    Raises:
        OSError: a file cannot be moved.
    """
    before = new / BEFORE
    try:
        for name in names:
            (before / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        for name in reversed(names):
            if (folder / name).exists():
                os.replace(folder / name, before / name)
        for name in names:
            os.replace(new / name, folder / name)
    except BaseException:
        for name in reversed(names):
            if not (new / name).exists() and (folder / name).exists():
                (folder / name).rename(new / name)
        for name in names:
            if (before / name).exists():
                (before / name).rename(folder / name)
        shutil.rmtree(before, ignore_errors=True)
        raise


def finish_commit(new: Path, folder: Path, record: str = RECORD) -> None:
    """Finish the commit of a process that died within it, and remove its folder `new`. Without one, nothing changes.

    Raises:
        ValueError: the record in `new` is damaged.
        OSError: a file cannot be moved.
    """
    if not (new / BEFORE).exists():
        return
    if (new / record).exists():
        names = [*record_of(new, record)["sha256"], record]
        commit(new, folder, [name for name in names if (new / name).exists()])
    shutil.rmtree(new)

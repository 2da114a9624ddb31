"""Runs of three windows in folders, finished and cut off, and what they are refused with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import imap_fast
from imap_fast import SaliencyMaps
from imap_fast.explaining.checkpoint import Checkpoint
from imap_fast.maps.run_state import read_state
from tests.explaining.test_explain import ARGUMENTS, READ, clip

VIDEO = clip(25)
ARRAYS = ("gramcol.npy", "imap.npy", "seconds.npy")


class Killed(BaseException):
    """What SIGKILL is to a process."""


def explain(pipeline: Any, folder: Path, **changed: object) -> SaliencyMaps:
    return imap_fast.explain(pipeline, VIDEO, *ARGUMENTS, folder=folder, **{**READ, **changed})


def cut_off(pipeline: Any, folder: Path, **changed: object) -> None:
    """A run that ends within its third window: the frames are written, and not committed."""
    commit, commits = Checkpoint.commit, []

    def stop(run: Checkpoint) -> None:
        if len(commits) == 2:
            raise Killed
        commits.append(run)
        commit(run)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Checkpoint, "commit", stop)
        with pytest.raises(Killed):
            explain(pipeline, folder, **changed)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def options_of(folder: Path) -> dict[str, Any]:
    return read_state(folder).options


def refused(attempt: Callable[[], object]) -> str | None:
    """What an attempt is refused with, in one line. None: it is not."""
    try:
        attempt()
    except ValueError as error:
        return str(error) if "\n" not in str(error) else pytest.fail(f"several lines: {error}")
    return None

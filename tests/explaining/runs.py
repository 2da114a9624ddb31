"""Runs in folders: finished, cut off, damaged, compared, and what they are refused with."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import imap_fast
from imap_fast import SaliencyMaps
from imap_fast.explaining.checkpoint import Checkpoint
from imap_fast.maps.run_state import StoredArray, read_state
from tests.explaining.test_explain import ARGUMENTS, READ, clip

VIDEO = clip(25)
HEADER = 128
"""Bytes of an array's file before its values."""

ARRAYS = ("gramcol.npy", "imap.npy", "seconds.npy")


class Killed(BaseException):
    """What SIGKILL is to a process."""


def explain(pipeline: Any, folder: Path, **changed: object) -> SaliencyMaps:
    return imap_fast.explain(pipeline, VIDEO, *ARGUMENTS, folder=folder, **{**READ, **changed})


def killed_after(commits: int, run: Callable[[], object]) -> bool:
    """Run, and be killed in place of the commit after the first `commits` ones, whose frames are written by then.

    Returns:
        whether there was such a commit.
    """
    commit, done = Checkpoint.commit, []

    def stop(checkpoint: Checkpoint) -> None:
        if len(done) == commits:
            raise Killed
        done.append(checkpoint)
        commit(checkpoint)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Checkpoint, "commit", stop)
        try:
            run()
        except Killed:
            return True
    return False


def cut_off(pipeline: Any, folder: Path, **changed: object) -> None:
    """A run that ends within its third window."""
    assert killed_after(2, lambda: explain(pipeline, folder, **changed))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def flip_bit(path: Path, place: int, bit: int = 0) -> None:
    """Flip a bit of the byte at a place of a file. Doing it again repairs the file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)


def same(one: SaliencyMaps, other: SaliencyMaps) -> bool:
    """Whether two results are the same to the last bit."""
    mine, theirs = one.tensors(), other.tensors()
    equal = mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)
    return equal and one.record() == other.record()


def size_of(array: StoredArray) -> int:
    """Bytes of the values that are committed of an array."""
    return np.dtype(array.dtype).itemsize * math.prod(array.shape)


def options_of(folder: Path) -> dict[str, Any]:
    return read_state(folder).options


def refused(attempt: Callable[[], object]) -> str | None:
    """What an attempt is refused with, in one line. None: it is not."""
    try:
        attempt()
    except ValueError as error:
        return str(error) if "\n" not in str(error) else pytest.fail(f"several lines: {error}")
    return None

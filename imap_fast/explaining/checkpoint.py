"""The checkpoint of a run: what is needed to resume it after any interruption."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imap_fast.explaining.run_options import refuse_other_options
from imap_fast.files import locked, remove_temporaries
from imap_fast.maps.run_folder import map_arrays, read_run, verified_digest, write_frames
from imap_fast.maps.run_state import STATE, RunState, StoredArray, write_state


class Checkpoint:
    """The folder of a run (`imap_fast.maps.run_folder`), or the same in memory.

    The folder of an unfinished run is locked until the end of the `with` block. A finished run is only read.

    Args:
        folder: created if missing. None keeps everything in memory.
        options: what determines the result, as JSON values.

    Attributes:
        state: how far the run has come.

    Raises:
        ValueError: the folder holds a run with other options or a damaged one, another process is writing to it, or it
            cannot be written.
    """

    def __init__(self, folder: str | os.PathLike | None, options: dict[str, Any]) -> None:
        self.folder = None if folder is None else Path(folder)
        self.state = RunState(options=json.loads(json.dumps(options)))
        self._parts: dict[str, list[Tensor]] = {}
        self._digests: dict[str, hashlib._Hash] = {}
        self._exits = ExitStack()
        if self.folder is None:
            return
        with ExitStack() as exits:
            try:
                self._open(self.folder, exits)
            except OSError as error:
                raise ValueError(
                    f"{folder} cannot be written ({error.strerror or error}); make it writable or give another folder"
                ) from error
            self._exits = exits.pop_all()

    def _open(self, folder: Path, exits: ExitStack) -> None:
        state = self._recorded(folder)
        if state is not None and state.finished:
            self.state = state
            return
        folder.mkdir(parents=True, exist_ok=True)
        exits.enter_context(locked(folder))
        remove_temporaries(folder / STATE)
        # Again: until the lock, another process may have gone on.
        state = self._recorded(folder)
        if state is None:
            write_state(folder, self.state)
            return
        self.state = state
        for name, stored in state.arrays.items():
            self._digests[name] = verified_digest(folder / f"{name}.npy", stored, is_complete=False)

    def _recorded(self, folder: Path) -> RunState | None:
        state = read_run(folder)
        if state is not None:
            refuse_other_options(folder, state.options, self.state.options)
        return state

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(self, *exception: object) -> None:
        self._exits.close()

    def append(self, final: Mapping[str, Tensor]) -> None:
        """Add latent frames that no later window changes, `[F, …]` by name.

        Raises:
            OSError: the folder can no longer be written. What is committed stays.
        """
        count = len(final["seconds"])
        if count == 0:
            return
        # Sorted, because a state that was read has its tensors in another order, and the next one has the same bytes.
        for name, values in sorted(final.items()):
            if self.folder is None:
                self._parts.setdefault(name, []).append(values)
            else:
                self._write(self.folder, name, np.ascontiguousarray(values.numpy()))
        self.state.latent_frames += count

    def _write(self, folder: Path, name: str, values: np.ndarray) -> None:
        with _naming(folder):
            write_frames(folder / f"{name}.npy", self.state.latent_frames, values)
        digest = self._digests.setdefault(name, hashlib.sha256())
        digest.update(values.data)
        shape = [self.state.latent_frames + len(values), *values.shape[1:]]
        self.state.arrays[name] = StoredArray(dtype=values.dtype.str, shape=shape, sha256=digest.hexdigest())

    def commit(self) -> None:
        """Make the appended frames and the state durable.

        Raises:
            OSError: the folder can no longer be written. What is committed stays.
        """
        if self.folder is not None:
            with _naming(self.folder):
                write_state(self.folder, self.state)

    def arrays(self) -> dict[str, Tensor]:
        """The appended frames by name, from memory, or verified and mapped from disk."""
        if self.folder is None:
            return {name: torch.cat(parts) for name, parts in self._parts.items()}
        return map_arrays(self.folder, self.state)


@contextmanager
def _naming(folder: Path) -> Iterator[None]:
    """Say in an error which folder cannot be written, and that nothing is lost."""
    try:
        yield
    except OSError as error:
        raise OSError(
            f"{folder} cannot be written ({error.strerror or error}); once it can be, run again: finished windows "
            "are kept"
        ) from error

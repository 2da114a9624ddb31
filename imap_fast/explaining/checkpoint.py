"""The checkpoint of a run: what is needed to resume it after any interruption."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imap_fast.explaining.run_options import refuse_other_options
from imap_fast.maps.run_folder import STATE, RunState, map_arrays, read_state, write_frames, write_state


class Checkpoint:
    """The folder of a run (`imap_fast.maps.run_folder`), or the same in memory.

    Args:
        folder: created if missing. None keeps everything in memory.
        options: what determines the result, as JSON values.

    Attributes:
        state: how far the run has come.

    Raises:
        ValueError: the folder holds a run with other options, or it cannot be written.
    """

    def __init__(self, folder: str | os.PathLike | None, options: dict[str, Any]) -> None:
        self.folder = None if folder is None else Path(folder)
        self.state = RunState(json.loads(json.dumps(options)))
        self._parts: dict[str, list[Tensor]] = {}
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for temporary in self.folder.glob(f".*{Path(STATE).suffix}"):
                temporary.unlink()
            if (self.folder / STATE).exists():
                state = read_state(self.folder)
                refuse_other_options(self.folder, state.options, self.state.options)
                self.state = state
            else:
                write_state(self.folder, self.state)
        except OSError as error:
            raise ValueError(f"{folder} cannot be written ({error.strerror}); give another folder") from error

    def append(self, final: Mapping[str, Tensor]) -> None:
        """Add latent frames that no later window changes, `[F, …]` by name."""
        count = len(final["seconds"])
        if count == 0:
            return
        for name, values in final.items():
            if self.folder is None:
                self._parts.setdefault(name, []).append(values)
            else:
                write_frames(self.folder / f"{name}.npy", self.state.latent_frames, values.numpy())
        self.state.latent_frames += count

    def commit(self) -> None:
        """Make the appended frames and the state durable."""
        if self.folder is not None:
            write_state(self.folder, self.state)

    def arrays(self) -> dict[str, Tensor]:
        """The appended frames by name, from memory or mapped from disk."""
        if self.folder is None:
            return {name: torch.cat(parts) for name, parts in self._parts.items()}
        return map_arrays(self.folder, self.state)

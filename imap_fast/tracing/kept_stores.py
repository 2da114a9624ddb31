"""Where the maps of single layers and steps are: in memory, or in files that can be read in part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from imap_fast.maps.names import KEPT
from imap_fast.maps.run_folder import mapped_array, write_frames
from imap_fast.tracing.kept_memory import refuse_more_than_free, size


class Store(Protocol):
    """Collects pages `[L, V, M, C, N]`, one of each step of a run, in order."""

    def add(self, step: int, page: Tensor) -> None:
        """Add a page to a step. A later run adds to those of the first one."""

    def maps(self) -> dict[str, Tensor]:
        """The mean of each map over runs, fp32 `[S, L, V, C, N]` by name. Later pages do not change it."""


class MemoryStore:
    """Keeps pages in memory.

    Args:
        names: of the M maps.
        steps: S, the number of steps that are expected. There is room for more.
    """

    def __init__(self, names: Sequence[str], steps: int) -> None:
        self.names, self._expected = tuple(names), steps
        self._values = torch.empty(0)  # [S, L, V, M, C, N], with room for more steps
        self._steps = self._pages = 0
        self._is_shown = False

    def add(self, step: int, page: Tensor) -> None:
        room = len(self._values) or self._expected
        room = room if step < room else 2 * step
        if room > len(self._values) or (self._is_shown and step < self._steps):
            if self._steps:
                taken = room * page.nbytes
                refuse_more_than_free(f"keep takes {size(taken)} of memory after {self._steps} steps", taken)
            with torch.inference_mode(False):
                values = torch.empty((room, *page.shape), dtype=torch.float32, device="cpu")
            if self._steps:
                values[: self._steps] = self._values[: self._steps]
            self._values, self._is_shown = values, False
        self._pages += 1
        if step == self._steps:
            self._values[step] = page
            self._steps += 1
        else:
            self._values[step] += page

    def maps(self) -> dict[str, Tensor]:
        self._is_shown = True
        values, repeats = self._values[: self._steps], self._pages // self._steps
        values = values if repeats == 1 else values / repeats
        return {name: values[:, :, :, i] for i, name in enumerate(self.names)}


class FileStore:
    """Appends pages to `kept.<map>.npy`, fp32 `[S, L, V, C, F, H, W]`, as they arrive. Only one page is in memory.

    Args:
        folder: of the files. Those of an earlier run of the same trace are replaced.
        names: of the maps.
        grid: `(F, H, W)`.
    """

    def __init__(self, folder: Path, names: Sequence[str], grid: tuple[int, int, int]) -> None:
        self.folder, self.names, self.grid = folder, tuple(names), grid
        self._shape: tuple[int, ...] = ()

    def add(self, step: int, page: Tensor) -> None:
        """Append a page.

        Raises:
            OSError: the folder cannot be written.
        """
        of_map = page.unflatten(-1, self.grid).unbind(2)
        for name, values in zip(self.names, of_map, strict=True):
            write_frames(self._path(name), step, np.ascontiguousarray(values[None].numpy()))
            self._shape = (step + 1, *values.shape)

    def maps(self) -> dict[str, Tensor]:
        return {name: mapped_array(self._path(name), "<f4", self._shape).flatten(-3) for name in self.names}

    def _path(self, name: str) -> Path:
        return self.folder / f"{KEPT}{name}.npy"


def check_folder(folder: Path) -> None:
    """Create a folder for a `FileStore`.

    Raises:
        ValueError: it holds kept maps, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"folder={folder} cannot be written ({error.strerror}); give another one") from error
    if held := sorted(folder.glob(f"{KEPT}*.npy")):
        raise ValueError(f"{folder} already holds {held[0].name}; give another folder, or remove it")

"""The maps of a run as they grow on disk, and what the run needs to go on from there after any end.

A folder holds `<map>.npy`, fp32 `[F, C, H, W]`, and `seconds.npy`, fp64 `[F]`: NumPy's own format, since finished
latent frames come in order and only ever go to the end, for which it leaves room in its header; any program maps such
a file into memory without reading it. `state.safetensors` says how much of them counts. It is replaced last and as a
whole, so a run that dies between two windows or within one leaves the state behind its last whole window; what may be
written beyond it is written again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from imap_fast.files import whole_file

STATE = "state.safetensors"


@dataclass
class State:
    """Where a run is.

    Attributes:
        asked: what decides the result, as JSON holds it.
        windows: done. latent_frames: final, on disk. num_frames: of the video, covered by the windows done.
        windows_per_batch: once decided.
        begin: the latent frame at which `held` begins.
        finished: whether there is no more to come.
        record: of the result, but for its tensors; see `imap_fast.storage`.
        tensors: `head_scores` and `votes`, sums over windows; at the end those of the result.
        held: the latent frames not yet final, see `imap_fast.windows.Stitch`.
    """

    asked: dict[str, Any]
    windows: int = 0
    latent_frames: int = 0
    num_frames: int = 0
    windows_per_batch: int | None = None
    begin: int = 0
    finished: bool = False
    record: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    held: dict[str, Tensor] = field(default_factory=dict)


class Checkpoint:
    """A run's folder, or, where there is none, the same in memory.

    Args:
        folder: made if missing; None keeps all in memory.
        asked: what decides the result, as JSON holds it.

    Attributes:
        state: where the run is.

    Raises:
        ValueError: the folder holds a run that was asked for something else, or cannot be written.
    """

    def __init__(self, folder: str | os.PathLike | None, asked: dict[str, Any]) -> None:
        self.folder = None if folder is None else Path(folder)
        self.state = State(json.loads(json.dumps(asked)))
        self._parts: dict[str, list[Tensor]] = {}
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for half_written in self.folder.glob(f".*{Path(STATE).suffix}"):
                half_written.unlink()
            if (self.folder / STATE).exists():
                before = read_state(self.folder)
                refuse_difference(self.folder, before.asked, self.state.asked)
                self.state = before
            else:
                write_state(self.folder, self.state)
        except OSError as error:
            raise ValueError(f"{folder} cannot be written ({error.strerror}); give another folder") from error

    def append(self, final: Mapping[str, Tensor]) -> None:
        """Adds latent frames that no later window changes, `[F, …]` by name."""
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
        """Makes what was appended, and `state`, outlive the process."""
        if self.folder is not None:
            write_state(self.folder, self.state)

    def arrays(self) -> dict[str, Tensor]:
        """What was appended, by name: in memory, or mapped from disk."""
        if self.folder is None:
            return {name: torch.cat(parts) for name, parts in self._parts.items()}
        return map_arrays(self.folder, self.state)


def write_frames(path: Path, start: int, values: np.ndarray) -> None:
    """Writes `[F, …]` into a `.npy` file behind its first `start` entries."""
    with path.open("r+b" if start else "wb") as file:
        header = {"descr": values.dtype.str, "fortran_order": False, "shape": (start + len(values), *values.shape[1:])}
        np.lib.format.write_array_header_1_0(file, header)
        file.seek(file.tell() + start * values[:1].nbytes)
        file.write(np.ascontiguousarray(values).data)


def map_arrays(folder: Path, state: State) -> dict[str, Tensor]:
    """The arrays of a folder, mapped: pages are read when they are touched, and changes stay in memory."""
    names = [*state.record["maps"], "seconds"]
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False) for name in names}
    return {name: torch.from_numpy(array[: state.latent_frames]) for name, array in arrays.items()}


def write_state(folder: Path, state: State) -> None:
    """Replaces the state in a folder, whole or not at all."""
    told = {name: value for name, value in vars(state).items() if name not in ("tensors", "held")}
    tensors = state.tensors | {f"held.{name}": tensor for name, tensor in state.held.items()}
    content = save({name: tensor.contiguous() for name, tensor in tensors.items()}, {"state": json.dumps(told)})
    with whole_file(folder / STATE) as unfinished:
        unfinished.write_bytes(content)


def read_state(folder: Path) -> State:
    """The state in a folder.

    Raises:
        ValueError: it is damaged.
    """
    path = folder / STATE
    try:
        with safe_open(path, "pt") as file:
            told = json.loads(file.metadata()["state"])
            # Clones: the file is to be replaced while they are in use.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  (not a dict)
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is damaged ({error}); remove {folder} and run again") from error
    held = {name: tensors.pop(name) for name in list(tensors) if name.startswith("held.")}
    return State(**told, tensors=tensors, held={name.removeprefix("held."): held[name] for name in held})


def refuse_difference(
    place: str | os.PathLike, before: dict[str, Any], now: dict[str, Any], remedy: str = "give another folder"
) -> None:
    """Raises ValueError where a run asks for something else than the one whose results are in `place`."""
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if changed:
        told = "; ".join(f"{name} was {before.get(name)!r} and is {now.get(name)!r}" for name in changed)
        raise ValueError(f"{place} holds a run with other settings: {told}; {remedy}")

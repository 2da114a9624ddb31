"""The folder in which the maps of a long run grow on disk.

It holds `<map>.npy`, fp32 `[F, C, H, W]`, and `seconds.npy`, fp64 `[F]`. Final latent frames arrive in order and are
only appended, which NumPy's format allows: its header has room for a larger shape. Any program can map such a file into
memory without reading it.

`state.safetensors` records how many latent frames are valid. It is replaced last, and atomically. So a run that dies
between two windows or within one leaves the state of its last complete window; frames beyond it are written again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from imap_fast.files import atomic_write

STATE = "state.safetensors"

_PENDING = "pending."
"""Prefix of the names of pending tensors in the state file."""


@dataclass
class RunState:
    """How far a run has come.

    Attributes:
        options: what determines the result, as JSON values.
        windows: the number of finished windows.
        latent_frames: the number of final latent frames on disk.
        num_frames: the video frames that the finished windows cover.
        windows_per_batch: None until it is decided.
        finished: whether the run is complete.
        record: everything of the result except its tensors; see `SaliencyMaps.record`.
        tensors: `head_scores` and `votes`, summed over windows. At the end, `head_scores` and `selected_heads`.
        pending_begin: the latent frame at which `pending` begins.
        pending: the latent frames that are not final yet; see `imap_fast.explaining.blending.Blender`.
    """

    options: dict[str, Any]
    windows: int = 0
    latent_frames: int = 0
    num_frames: int = 0
    windows_per_batch: int | None = None
    finished: bool = False
    record: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    pending_begin: int = 0
    pending: dict[str, Tensor] = field(default_factory=dict)


def write_frames(path: Path, start: int, values: np.ndarray) -> None:
    """Write `[F, …]` into a `.npy` file after its first `start` entries."""
    with path.open("r+b" if start else "wb") as file:
        header = {"descr": values.dtype.str, "fortran_order": False, "shape": (start + len(values), *values.shape[1:])}
        np.lib.format.write_array_header_1_0(file, header)
        file.seek(file.tell() + start * values[:1].nbytes)
        file.write(np.ascontiguousarray(values).data)


def map_arrays(folder: Path, state: RunState) -> dict[str, Tensor]:
    """The arrays of a folder, mapped into memory. Pages are read on access, and changes stay in memory."""
    names = [*state.record["maps"], "seconds"]
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False) for name in names}
    return {name: torch.from_numpy(array[: state.latent_frames]) for name, array in arrays.items()}


def write_state(folder: Path, state: RunState) -> None:
    """Replace the state in a folder, atomically."""
    values = {name: value for name, value in vars(state).items() if name not in ("tensors", "pending")}
    tensors = state.tensors | {f"{_PENDING}{name}": tensor for name, tensor in state.pending.items()}
    content = save({name: tensor.contiguous() for name, tensor in tensors.items()}, {"state": json.dumps(values)})
    with atomic_write(folder / STATE) as temporary:
        temporary.write_bytes(content)


def read_state(folder: Path) -> RunState:
    """Read the state in a folder.

    Raises:
        ValueError: it is damaged.
    """
    path = folder / STATE
    try:
        with safe_open(path, "pt") as file:
            values = json.loads(file.metadata()["state"])
            # Clones, because the file is replaced while they are in use.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  (not a dict)
        pending = {name: tensors.pop(name) for name in list(tensors) if name.startswith(_PENDING)}
        pending = {name.removeprefix(_PENDING): tensor for name, tensor in pending.items()}
        return RunState(**values, tensors=tensors, pending=pending)
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is damaged ({error}); remove {folder} and run again") from error


def result_of(state: RunState, arrays: dict[str, Tensor]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The record and the tensors of a finished run, for `SaliencyMaps.from_record`."""
    tensors = {f"map.{name}": arrays[name].transpose(0, 1) for name in state.record["maps"]}
    return state.record, {**tensors, **state.tensors, "seconds": arrays["seconds"]}


def load_run(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The record and the tensors of the finished run in a folder.

    Raises:
        ValueError: the state is damaged, or the run is not finished.
    """
    state = read_state(folder)
    if not state.finished:
        raise ValueError(f"{folder} holds a run that is not finished; run the same command again to resume it")
    return result_of(state, map_arrays(folder, state))

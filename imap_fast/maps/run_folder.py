"""The folder in which the maps of a long run grow on disk.

It holds `<map>.npy`, fp32 `[F, C, H, W]`, and `seconds.npy`, fp64 `[F]`. If not all frames passed the model, it also
holds `frame_numbers.npy`, like the seconds, and with several noises `spread.<map>.npy`, like the maps. What is kept
inside of the maps is `kept.<map>.npy`, fp32 `[F, L, S, C, H, W]`, and `single_heads.npy`, `[F, P, C, H, W]`. Final
latent frames arrive in order and are only appended, which NumPy's format allows: its header has room for a larger
shape. Any program can map such a file into memory without reading it.

`state.safetensors` (`imap_fast.maps.run_state`) records how many latent frames are valid. It is replaced last, and
atomically. So a run that dies between two windows or within one leaves the state of its last complete window; frames
beyond it are written again. What the state names is verified whenever it is read.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imap_fast.maps.names import ALL_MAPS, KEPT, SINGLE_HEADS, SPREAD, TIMES, inside_names
from imap_fast.maps.run_state import STATE, RunState, StoredArray, damaged, read_state

_PART = 2**20
"""Bytes of an array that are in memory while it is verified."""


def read_run(folder: Path) -> RunState | None:
    """The state of the run in a folder, or None if there is no run.

    Raises:
        ValueError: the state is damaged, or it is missing beside arrays.
        OSError: the folder cannot be read.
    """
    if (folder / STATE).is_file():
        return read_state(folder)
    of_maps = (prefix + name for prefix in (SPREAD, KEPT) for name in ALL_MAPS)
    for name in (*ALL_MAPS, *of_maps, SINGLE_HEADS, *TIMES):
        if (folder / f"{name}.npy").exists():
            raise ValueError(f"{folder / STATE} is missing beside {name}.npy; remove {folder} and run again")
    return None


def write_frames(path: Path, start: int, values: np.ndarray) -> None:
    """Write `[F, …]` into a `.npy` file after its first `start` entries. What followed them is cut off.

    Raises:
        OSError: the file is a link, so another folder would be changed, or it cannot be written.
    """
    if path.is_symlink():
        raise OSError(f"{path.name} is a symbolic link; put the file itself in its place")
    if start == 0:
        path.unlink(missing_ok=True)  # it may be open elsewhere, or have another name
    header = _header(values.dtype.str, (start + len(values), *values.shape[1:]))
    with path.open("r+b" if start else "wb") as file:
        file.write(header)
        file.seek(len(header) + start * values[:1].nbytes)
        file.write(np.ascontiguousarray(values).data)
        file.truncate()
        # A disk may keep a later write and lose an earlier one when the power fails. So frames are on disk before the
        # state that names them. This takes milliseconds, and a window takes seconds.
        file.flush()
        os.fsync(file.fileno())
    if start == 0:
        _sync_names(path.parent)


def _sync_names(folder: Path) -> None:
    """Put the names of new files on disk, too. Windows has no way to do it."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _header(dtype: str, shape: tuple[int, ...]) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": dtype, "fortran_order": False, "shape": shape})
    return header.getvalue()


def verified_digest(path: Path, stored: StoredArray, *, is_complete: bool) -> hashlib._Hash:
    """Compare the file of an array with what was written, and return the running SHA-256 of its values.

    Args:
        path: the `.npy` file.
        stored: what is committed of it.
        is_complete: whether it holds nothing else. Otherwise its header and what follows may be of a window that was
            cut off; `write_frames` replaces both.

    Raises:
        ValueError: the file is missing or damaged.
        OSError: the file cannot be read.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing; remove {path.parent} and run again")
    header = _header(stored.dtype, tuple(stored.shape))
    remaining = np.dtype(stored.dtype).itemsize * math.prod(stored.shape)
    expected, size = len(header) + remaining, path.stat().st_size
    if size < expected or (is_complete and size > expected):
        raise damaged(path, f"it has {size} bytes, not {expected}")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if file.read(len(header)) != header and is_complete:
            raise damaged(path, "its header is not what was written")
        while part := file.read(min(_PART, remaining)):
            digest.update(part)
            remaining -= len(part)
    if digest.hexdigest() != stored.sha256:
        raise damaged(path, "its values are not what was written")
    return digest


def map_arrays(folder: Path, state: RunState) -> dict[str, Tensor]:
    """The arrays of a finished run, verified and mapped into memory. Changes stay in memory.

    Raises:
        ValueError: a file is missing or damaged.
        OSError: a file cannot be read.
    """
    arrays = {}
    for name, stored in state.arrays.items():
        path, shape = folder / f"{name}.npy", tuple(stored.shape)
        verified_digest(path, stored, is_complete=True)
        arrays[name] = mapped_array(path, stored.dtype, shape)
    return arrays


def mapped_array(path: Path, dtype: str, shape: tuple[int, ...]) -> Tensor:
    """An array that `write_frames` wrote, mapped into memory. Changes stay in memory."""
    return torch.from_numpy(np.memmap(path, dtype, "c", len(_header(dtype, shape)), shape))


def result_of(state: RunState, arrays: dict[str, Tensor]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The record and the tensors of a finished run, for `SaliencyMaps.from_record`."""
    settings = state.record["settings"]
    tensors = {f"map.{name}": arrays[name].transpose(0, 1) for name in state.record["maps"]}
    tensors |= {name: values.transpose(0, 1) for name, values in arrays.items() if name.startswith(SPREAD)}
    tensors |= {name: arrays[name].movedim(0, -3) for name in inside_names(state.record["maps"], settings)}
    return state.record, {**tensors, **state.tensors, **{name: arrays[name] for name in TIMES if name in arrays}}


def load_run(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The record and the tensors of the finished run in a folder.

    Raises:
        ValueError: a file is missing or damaged, or the run is not finished.
        OSError: a file cannot be read.
    """
    state = read_state(folder)
    if not state.finished:
        raise ValueError(f"{folder} holds a run that is not finished; run the same command again to resume it")
    return result_of(state, map_arrays(folder, state))

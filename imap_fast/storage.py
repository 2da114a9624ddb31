"""SaliencyMaps ↔ one file, `.npz` or `.safetensors`.

The tensors are `map.<name>`, `head_scores`, `selected_heads` and, of real videos, `seconds`; everything else is one
JSON object. A folder that `explain` filled is read as well.
"""

import json
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor

from imap_fast.checkpoint import STATE, State, map_arrays, read_state
from imap_fast.files import whole_file
from imap_fast.maps import SaliencyMaps

FORMAT = 1
"""Counts up when older code could no longer read a newer file."""

RECORD = "imap_fast"
"""Where a file keeps its JSON, and by which it is recognised."""


def save_maps(maps: SaliencyMaps, path: str | os.PathLike) -> None:
    """Write `maps` to `path`, whole or not at all; see `SaliencyMaps.save`."""
    suffix = _suffix(path)
    tensors = {f"map.{name}": values for name, values in maps.maps.items()}
    tensors |= {"head_scores": maps.head_scores, "selected_heads": maps.selected_heads}
    if maps.seconds is not None:
        tensors["seconds"] = maps.seconds
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    record = json.dumps({"format": FORMAT, **record_of(maps)})
    with whole_file(path) as unfinished:
        if suffix == ".npz":
            _write_npz(unfinished, arrays | {RECORD: np.frombuffer(record.encode(), np.uint8)})
        else:
            arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
            save_file(arrays, unfinished, {RECORD: record})


def _write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """As `np.savez` does, but equal arrays give equal bytes; arrays mapped from disk are copied part by part."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def record_of(maps: SaliencyMaps) -> dict[str, Any]:
    """All that maps are but tensors, as JSON holds it."""
    return {
        "maps": list(maps.maps),
        "labels": maps.labels,
        "baseline_labels": maps.baseline_labels,
        "layers": maps.layers,
        "steps": maps.steps,
        "settings": maps.settings,
    }


def maps_of(record: dict[str, Any], tensors: dict[str, Tensor]) -> SaliencyMaps:
    """The maps of a record and its tensors: `map.<name>`, `head_scores`, `selected_heads`, perhaps `seconds`."""
    return SaliencyMaps(
        maps={name: tensors[f"map.{name}"] for name in record["maps"]},
        labels=tuple(record["labels"]),
        baseline_labels=tuple(record["baseline_labels"]),
        layers=tuple(record["layers"]),
        steps=tuple(record["steps"]),
        head_scores=tensors["head_scores"],
        selected_heads=tensors["selected_heads"],
        settings=record["settings"],
        seconds=tensors.get("seconds"),
    )


def maps_of_run(state: State, arrays: dict[str, Tensor]) -> SaliencyMaps:
    """The maps of a finished run of `explain`, whose arrays are `[F, C, H, W]`."""
    tensors = {f"map.{name}": arrays[name].transpose(0, 1) for name in state.record["maps"]}
    return maps_of(state.record, {**tensors, **state.tensors, "seconds": arrays["seconds"]})


def _load_run(folder: Path) -> SaliencyMaps:
    state = read_state(folder)
    if not state.finished:
        raise ValueError(f"{folder} holds a run that is not finished; run the same again, and it goes on")
    return maps_of_run(state, map_arrays(folder, state))


def load_maps(path: str | os.PathLike) -> SaliencyMaps:
    """Read what `save_maps` wrote; see `SaliencyMaps.load`."""
    path = Path(path)
    if (path / STATE).exists():
        return _load_run(path)
    read = _read_npz if _suffix(path) == ".npz" else _read_safetensors
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give the file in it that SaliencyMaps.save wrote")
    try:
        tensors, record = read(path)
        content = json.loads(record)
        if content["format"] != FORMAT:
            raise ValueError(f"{path} has format {content['format']}, this imap-fast reads {FORMAT}; upgrade imap-fast")
        return maps_of(content, tensors)
    except KeyError as error:
        raise ValueError(f"{path} was not written by SaliencyMaps.save: {error} is missing") from error
    except (zipfile.BadZipFile, zlib.error, SafetensorError, EOFError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is damaged or no saliency file ({error}); make or copy it again") from error


def _suffix(path: str | os.PathLike) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in (".npz", ".safetensors"):
        raise ValueError(f"maps are kept as .npz or .safetensors, not {suffix or 'without a suffix'!r}")
    return suffix


def _read_npz(path: Path) -> tuple[dict[str, Tensor], str]:
    with zipfile.ZipFile(path):  # np.load takes a file that is no archive for a pickle, and says so
        pass
    with np.load(path, allow_pickle=False) as arrays:
        record = arrays[RECORD].tobytes().decode()
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files if name != RECORD}, record


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], str]:
    with safe_open(path, "pt") as file:
        record = (file.metadata() or {})[RECORD]
        return {name: file.get_tensor(name) for name in file.keys()}, record  # noqa: SIM118  (not a dict)

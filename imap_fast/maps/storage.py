"""Maps in one file, `.npz` or `.safetensors`.

A file holds tensors by name, and one JSON object, the record, with everything else.
"""

import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor

from imap_fast.files import atomic_write

FORMAT = 1
"""The version of the file format. It increases when older code can no longer read a newer file."""

RECORD = "imap_fast"
"""The name of the JSON record in a file. A file without it was not written here."""


def save(path: str | os.PathLike, record: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write a record and its tensors to `path`, atomically.

    Raises:
        ValueError: the suffix is neither .npz nor .safetensors.
        OSError: the folder cannot be written.
    """
    suffix = _suffix(path)
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    content = json.dumps({"format": FORMAT, **record})
    with atomic_write(path) as temporary:
        if suffix == ".npz":
            _write_npz(temporary, arrays | {RECORD: np.frombuffer(content.encode(), np.uint8)})
        else:
            arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
            save_file(arrays, temporary, {RECORD: content})


@contextmanager
def opened(path: str | os.PathLike) -> Iterator[tuple[dict[str, Any], dict[str, Tensor]]]:
    """Yield the record and the tensors of a file. What the block finds wrong with them is reported as damage.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: another suffix, a damaged file, or a file that `save` did not write.
    """
    path = Path(path)
    read = _read_npz if _suffix(path) == ".npz" else _read_safetensors
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give the file in it that SaliencyMaps.save wrote")
    try:
        tensors, content = read(path)
        record = json.loads(content)
        if record["format"] != FORMAT:
            raise ValueError(f"{path} has format {record['format']}, this imap-fast reads {FORMAT}; upgrade imap-fast")
        yield record, tensors
    except KeyError as error:
        raise ValueError(f"{path} was not written by SaliencyMaps.save: {error} is missing") from error
    except (zipfile.BadZipFile, zlib.error, SafetensorError, EOFError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is damaged or no saliency file ({error}); make or copy it again") from error


def _suffix(path: str | os.PathLike) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in (".npz", ".safetensors"):
        raise ValueError(f"maps are kept as .npz or .safetensors, not {suffix or 'without a suffix'!r}")
    return suffix


def _write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays as `np.savez` does, but equal arrays give equal bytes, and mapped arrays are copied in parts."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def _read_npz(path: Path) -> tuple[dict[str, Tensor], str]:
    with zipfile.ZipFile(path):  # np.load takes a file that is no archive for a pickle, and says so
        pass
    with np.load(path, allow_pickle=False) as arrays:
        content = arrays[RECORD].tobytes().decode()
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files if name != RECORD}, content


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], str]:
    with safe_open(path, "pt") as file:
        content = (file.metadata() or {})[RECORD]
        return {name: file.get_tensor(name) for name in file.keys()}, content  # noqa: SIM118  (not a dict)

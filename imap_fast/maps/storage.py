"""Maps in one file, `.npz` or `.safetensors`.

A file holds tensors by name, and one JSON object, the record, with everything else. A reader trusts nothing in it. What
a header claims must agree with the size of the file before memory is taken, and a checksum shows that everything is as
it was written: an `.npz` has the CRC-32 of each member, a `.safetensors` the SHA-256 of all in its metadata.
"""

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from pydantic_core import from_json
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor

from imap_fast.files import atomic_write
from imap_fast.maps.digest import digest_of
from imap_fast.maps.schema import one_line
from imap_fast.npz import checked_members, read_array, write_array

FORMAT = 4
"""The version of the file format. It increases when older code can no longer read a newer file."""

RECORD = "imap_fast"
"""The name of the JSON record in a file. A file without it was not written here."""

DIGEST = "sha256"
"""The name of the digest in the metadata of a .safetensors file."""

SAFETENSORS_DTYPES = ("F32", "F64", "I64")
"""The types of arrays that are read from a .safetensors file."""

BUFFER = 2**20
"""The number of values of a mapped array that are copied at once."""

Content = tuple[str | bytes | None, dict[str, np.ndarray]]
"""The JSON text of the record, or None without one, and the arrays by name."""


def save(path: str | os.PathLike, record: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write a record and its tensors to `path`, atomically.

    Raises:
        ValueError: the suffix is neither .npz nor .safetensors.
        OSError: the folder cannot be written.
    """
    suffix = _suffix(path)
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    content = json.dumps({"format": FORMAT, **record}, allow_nan=False)
    with atomic_write(path) as temporary:
        if suffix == ".npz":
            _write_npz(temporary, arrays | {RECORD: np.frombuffer(content.encode(), np.uint8)})
        else:
            arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
            try:
                save_file(arrays, temporary, {RECORD: content, DIGEST: digest_of(content, arrays)})
            except SafetensorError as error:  # the disk is full, for example
                raise OSError(f"{path} cannot be written ({error}); make room, or give another path") from error


def load(path: str | os.PathLike) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The record and the tensors that `save` wrote. What they say is not checked.

    Raises:
        OSError: the file does not exist, or it cannot be opened.
        ValueError: another suffix, a folder, a damaged file, or a file that `save` did not write.
    """
    path = Path(path)
    read = _read_npz if _suffix(path) == ".npz" else _read_safetensors
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; give one that SaliencyMaps.save wrote")
    if not path.is_file():
        raise ValueError(f"{path} is a folder or a device; give the file that SaliencyMaps.save wrote")
    with path.open("rb") as file, damage_told(path):
        content, arrays = read(file)
    if content is None:
        raise ValueError(f"{path} was not written by SaliencyMaps.save: {RECORD!r} is missing")
    with damage_told(path):
        record = from_json(content, allow_inf_nan=False)
        version = record.pop("format", None) if isinstance(record, dict) else None
        if type(version) is not int or version < 1:
            raise ValueError("its record is no object with a format")
    if version > FORMAT:
        raise ValueError(f"{path} has a newer format than {FORMAT}, which this version reads; upgrade imap-fast")
    return record, {name: torch.from_numpy(array) for name, array in arrays.items()}


@contextmanager
def damage_told(path: str | os.PathLike) -> Iterator[None]:
    """Turn whatever the block raises about the content of `path` into one ValueError of one line."""
    try:
        yield
    except Exception as error:
        reason = one_line(str(error)) or type(error).__name__
        raise ValueError(f"{path} is damaged or holds no saliency maps ({reason}); make or copy it again") from error


def _suffix(path: str | os.PathLike) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in (".npz", ".safetensors"):
        raise ValueError(f"maps are kept as .npz or .safetensors, not {suffix or 'without a suffix'!r}; name it so")
    return suffix


def _write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays. Mapped ones are copied in parts."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            parts = np.nditer(array, ["external_loop", "buffered"], buffersize=BUFFER, order="C")
            write_array(archive, name, array.dtype, array.shape, (np.asarray(part).tobytes() for part in parts))


def _read_npz(file: BinaryIO) -> Content:
    with zipfile.ZipFile(file) as archive:
        members = checked_members(archive, file)
        arrays = {name: read_array(archive, member) for name, member in members.items()}
    record = arrays.pop(RECORD, None)
    return (None if record is None else record.tobytes()), arrays


def _read_safetensors(file: BinaryIO) -> Content:
    with safe_open(file.name, "np") as tensors:
        metadata = tensors.metadata() or {}
        if RECORD not in metadata:
            return None, {}
        names = list(tensors.keys())
        for name in names:
            if tensors.get_slice(name).get_dtype() not in SAFETENSORS_DTYPES:
                raise ValueError(f"{name} is no array of fp32, fp64 or int64")
        arrays = {name: tensors.get_tensor(name) for name in names}
    if metadata.get(DIGEST) != digest_of(metadata[RECORD], arrays):
        raise ValueError(f"its {DIGEST} is missing or not that of its content")
    return metadata[RECORD], arrays

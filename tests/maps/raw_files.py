"""Files of maps that nobody checks: any record and any arrays, under checksums that are right."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from imap_fast.maps.digest import digest_of
from imap_fast.maps.saliency_maps import SaliencyMaps
from tests.render.synthetic import make_maps, with_inside, with_text_attention

SUFFIXES = (".npz", ".safetensors")

VIDEO = {
    "num_frames": 9,
    "height": 80,
    "width": 112,
    "fps": 8.0,
    "windows": 1,
    "gaps": [[0.5, 1.0], [2.0, None]],
    "sha256": "0" * 64,
}
SETTINGS = {
    "model": "a/model",
    "prompt": "an alpaca runs",
    "runs": [{"prompt": ["an alpaca", "a cat"], "seed": [1, 2**64 - 1]}, {"prompt": None, "seed": None}],
    "repeats": {"of": "noises", "count": 2},
    "match": "concepts",
    "backend": "auto",
    "fast_attention": None,
    "attention_backend": None,
    "top_k": 2,
    "motion_heads": None,
    "normalize": "none",
    "pooling": "first",
    "num_inference_steps": 50,
    "versions": {"imap-fast": "0.1.0"},
    "video": VIDEO,
    "of the future": {"nested": [1, 2.5, None, True, "text"]},
}

Arrays = dict[str, np.ndarray]


def parts_of(maps: SaliencyMaps) -> tuple[dict[str, Any], Arrays]:
    """The record and the arrays that `save` writes, to be changed. Both are copies."""
    arrays = {name: values.numpy().copy() for name, values in maps.tensors().items()}
    return json.loads(json.dumps({"format": 1, **maps.record()})), arrays


def write_file(path: Path, record: Mapping[str, Any] | str, arrays: Arrays) -> Path:
    """Write a record, or what is in its place, and arrays."""
    text = record if isinstance(record, str) else json.dumps(record)
    if path.suffix == ".npz":
        write_members(path, {f"{name}.npy": npy(array) for name, array in with_record(text, arrays).items()})
    else:
        arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        save_file(arrays, path, {"imap_fast": text, "sha256": digest_of(text, arrays)})
    return path


def with_record(text: str, arrays: Arrays) -> Arrays:
    return {"imap_fast": np.frombuffer(text.encode(), np.uint8), **arrays}


def npy(array: np.ndarray) -> bytes:
    """An array as a .npy file."""
    file = BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def npy_that_claims(header: Mapping[str, Any], values: bytes) -> bytes:
    """A .npy file whose header has nothing to do with its values."""
    file = BytesIO()
    np.lib.format.write_array_header_1_0(file, dict(header))
    return file.getvalue() + values


def write_members(path: Path, members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def full_maps() -> SaliencyMaps:
    maps = with_text_attention(with_inside(with_repeats(make_maps(**SETTINGS))))
    return replace(maps, seconds=torch.tensor([0.0, 0.25, 0.25], dtype=torch.float64))


def with_repeats(maps: SaliencyMaps) -> SaliencyMaps:
    """The same maps with some agreement and spread."""
    return replace(
        maps,
        agreements={name: values.flatten(-3).mean(-1).sigmoid() for name, values in maps.maps.items()},
        spreads={name: values.abs() / 2 for name, values in maps.maps.items()},
    )


def assert_refused(path: Path, says: str = ".") -> None:
    with pytest.raises(ValueError, match=says) as refusal:
        SaliencyMaps.load(path)
    message = str(refusal.value)
    assert message.startswith(str(path))
    assert message.endswith("make or copy it again")
    assert "\n" not in message
    assert len(message) < len(str(path)) + 300

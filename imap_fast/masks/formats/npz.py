"""The bits of masks in one `.npz`. They are written and read frame by frame.

- `masks`: uint8 `[T, C, ⌈H · W / 8⌉]`; `numpy.unpackbits` gives the pixels of a mask, row by row.
- `seconds`: fp64 `[T]`, the times of the frames.
- `record`: uint8, a JSON object with the labels, the height, the width, and the rest.
"""

from __future__ import annotations

import math
import os
import zipfile
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Annotated, NamedTuple

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from imap_fast.files import atomic_write
from imap_fast.masks.formats.names import safe_names
from imap_fast.masks.values import MaskFrame, MaskValues
from imap_fast.npz import checked_members, read_array, read_header, write_array

FORMAT = 1
"""The version of the file format. It increases when older code can no longer read a newer file."""

_PART = 2**20
"""Bytes of a file that are in memory while it is verified."""

_LONGEST_REASON = 200
"""The most characters of a reason why a file is not read."""


def _distinct(labels: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(labels)) < len(labels):
        raise ValueError("a label is there twice")
    return labels


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    format: Annotated[int, Field(ge=1)] = FORMAT
    labels: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_distinct)]
    height: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]
    fps: Annotated[float, Field(gt=0)]
    exclusive: bool
    caption: str


class _NewerError(ValueError):
    """A file of a later version, which is not damaged."""


class _Content(NamedTuple):
    """What a file says beside its masks."""

    record: _Record
    seconds: tuple[float, ...]


def write(clips: Mapping[str, MaskValues], folder: Path) -> None:
    """Write a file for each clip."""
    for clip, name in safe_names(clips).items():
        _write(folder / f"{name}.masks.npz", clips[clip])


def save(path: str | os.PathLike, masks: MaskValues) -> None:
    """Write one file, atomically.

    Raises:
        ValueError: another suffix than .npz.
    """
    if Path(path).suffix.lower() != ".npz":
        raise ValueError(f"masks as npz are one file, not {Path(path).name!r}; name it .npz")
    with atomic_write(path) as temporary:
        _write(temporary, masks)


def load(path: str | os.PathLike) -> MaskValues:
    """The masks in a file. All of it is read once, to compare its checksums, and then each frame when it is needed.

    Raises:
        OSError: the file does not exist, or it cannot be opened.
        ValueError: a damaged file, or one that holds no masks.
    """
    path = Path(os.path.abspath(path))
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; give one that Masks.save wrote")
    if not path.is_file():
        raise ValueError(f"{path} is a folder or a device; give the .npz that Masks.save wrote")
    with _opened(path) as (member, content):
        while member.read(_PART):  # at its end, zipfile compares the CRC-32
            pass
    record = content.record
    return MaskValues(
        record.labels,
        len(content.seconds),
        record.height,
        record.width,
        record.fps,
        record.exclusive,
        partial(_frames, path, content),
        None,
        record.caption,
    )


def _write(path: Path, masks: MaskValues) -> None:
    record = _Record(
        labels=tuple(masks.labels),
        height=int(masks.height),
        width=int(masks.width),
        fps=float(masks.fps),
        exclusive=bool(masks.exclusive),
        caption=masks.caption,
    )
    content = record.model_dump_json().encode()
    shape = masks.num_frames, len(record.labels), _bytes_of(record)
    seconds = array("d")

    def packed() -> Iterator[bytes]:
        for _, (each, when) in zip(range(masks.num_frames), masks.frames(), strict=True):
            seconds.append(when)
            yield np.packbits(each.reshape(len(each), -1), axis=1).tobytes()

    with zipfile.ZipFile(path, "w") as archive:
        write_array(archive, "masks", np.dtype("|u1"), shape, packed())
        write_array(archive, "seconds", np.dtype("<f8"), shape[:1], [np.array(seconds, "<f8").tobytes()])
        write_array(archive, "record", np.dtype("|u1"), (len(content),), [content])


def _frames(path: Path, content: _Content, first: int) -> Iterator[MaskFrame]:
    record, first = content.record, max(first, 0)
    pixels, size = record.height * record.width, len(record.labels) * _bytes_of(record)
    with _opened(path) as (member, now):
        if now != content:
            raise ValueError("it is another file than the one that was loaded")
        member.seek(first * size, os.SEEK_CUR)
        for seconds in content.seconds[first:]:
            bits = np.frombuffer(member.read(size), np.uint8).reshape(len(record.labels), -1)
            masks = np.unpackbits(bits, axis=1, count=pixels).view(bool)
            yield MaskFrame(masks.reshape(-1, record.height, record.width), seconds)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], _Content]]:
    """Yield the member with the masks, at their first byte, and what the file says beside them.

    Raises:
        OSError: the file cannot be opened.
        ValueError: the file is damaged, holds no masks, or is of a later version. Whatever the block raises about its
            bytes is told so, too.
    """
    with path.open("rb") as file, _damage_told(path), zipfile.ZipFile(file) as archive:
        members = checked_members(archive, file)
        if members.keys() != {"masks", "seconds", "record"}:
            raise ValueError("its arrays are others")
        record = _record(read_array(archive, members["record"]).tobytes(), path)
        seconds = read_array(archive, members["seconds"])
        with archive.open(members["masks"]) as member:
            shape, dtype = read_header(member)
            if (shape, dtype) != ((*seconds.shape, len(record.labels), _bytes_of(record)), np.uint8):
                raise ValueError("its masks do not fit its record")
            if not len(seconds) or not np.isfinite(seconds).all() or (np.diff(seconds) < 0).any():
                raise ValueError("its times are none")
            yield member, _Content(record, tuple(seconds.tolist()))


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """Turn whatever the block raises about the content of a file into one ValueError of one line."""
    try:
        yield
    except _NewerError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:_LONGEST_REASON] or type(error).__name__
        raise ValueError(f"{path} is damaged or holds no masks ({reason}); make or copy it again") from error


def _record(content: bytes, path: Path) -> _Record:
    record = from_json(content, allow_inf_nan=False)
    version = record.get("format") if isinstance(record, dict) else None
    if type(version) is int and version > FORMAT:
        raise _NewerError(f"{path} has a newer format than {FORMAT}, which this version reads; upgrade imap-fast")
    try:
        return _Record.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _bytes_of(record: _Record) -> int:
    """Bytes of the mask of a concept in a frame."""
    return math.ceil(record.height * record.width / 8)

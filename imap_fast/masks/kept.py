"""Masks that are kept on disk while they are made, so that an interruption loses nothing.

The file holds one record for each frame: its time, a length, a CRC-32, and the bits, packed and compressed. Records are
only appended. What follows the last whole record was cut off, and is written again.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from imap_fast.masks.masks import MaskFrame, Masks

_HEAD = struct.Struct("<dII")
"""The time of a frame in seconds, the length of what follows, and the CRC-32 of the time and of that."""

_TIME = struct.Struct("<d")


def kept(masks: Masks, path: Path, on_frame: Callable[[], None] = lambda: None) -> Masks:
    """Make all masks, except those that the file has already. The result reads them from the file.

    Args:
        masks: whose frames are made once, in order.
        path: of the file. Its masks were made in the same way: whoever names it knows that.
        on_frame: called after each frame, also after those that the file had.

    Raises:
        ValueError, OSError: a frame cannot be made, or the file not be written.
    """
    shape, num_frames = (len(masks.labels), masks.height, masks.width), masks.num_frames
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("r+b" if path.exists() else "w+b") as file:
        count = end = 0
        for _ in islice(_records(file, shape), num_frames):
            count, end = count + 1, file.tell()
            on_frame()
        file.seek(end)
        file.truncate()
        for frame in masks.frames(count) if count < num_frames else ():
            _write(file, frame)
            on_frame()
    return replace(masks, frames_from=lambda first: _read(path, shape, first, num_frames))


def _checksum(seconds: float, bits: bytes) -> int:
    return zlib.crc32(bits, zlib.crc32(_TIME.pack(seconds)))


def _write(file: BinaryIO, frame: MaskFrame) -> None:
    bits = zlib.compress(np.packbits(frame.masks).tobytes(), 1)
    file.write(_HEAD.pack(frame.seconds, len(bits), _checksum(frame.seconds, bits)) + bits)
    file.flush()


def _read(path: Path, shape: tuple[int, int, int], first: int, num_frames: int) -> Iterator[MaskFrame]:
    count = 0
    with path.open("rb") as file:
        for frame in islice(_records(file, shape), num_frames):
            if count >= first:
                yield frame
            count += 1
    if count < num_frames:
        raise ValueError(f"{path} was changed while it was read; run again")


def _records(file: BinaryIO, shape: tuple[int, int, int]) -> Iterator[MaskFrame]:
    """Yield the frames of all whole records from the beginning of a file on."""
    size = os.fstat(file.fileno()).st_size
    pixels = shape[0] * shape[1] * shape[2]
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        seconds, length, checksum = _HEAD.unpack(head)
        if length > size - file.tell() or _checksum(seconds, content := file.read(length)) != checksum:
            return
        bits = np.frombuffer(zlib.decompress(content), np.uint8)
        if bits.size != -(-pixels // 8):
            return
        yield MaskFrame(np.unpackbits(bits, count=pixels).view(bool).reshape(shape), seconds)

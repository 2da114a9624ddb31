"""Masks that are kept on disk while they are made, so that an interruption loses nothing.

The file holds one record for each frame: its time, the length and the CRC-32 of its bits, and the bits, packed and
compressed. Records are only appended. What follows the last whole record was cut off, and is written again.
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
"""The time of a frame in seconds, and the length and the CRC-32 of what follows."""


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
    return replace(masks, frames_from=lambda first: _read(path, shape, first))


def _write(file: BinaryIO, frame: MaskFrame) -> None:
    bits = zlib.compress(np.packbits(frame.masks).tobytes(), 1)
    file.write(_HEAD.pack(frame.seconds, len(bits), zlib.crc32(bits)) + bits)
    file.flush()


def _read(path: Path, shape: tuple[int, int, int], first: int) -> Iterator[MaskFrame]:
    with path.open("rb") as file:
        for number, frame in enumerate(_records(file, shape)):
            if number >= first:
                yield frame


def _records(file: BinaryIO, shape: tuple[int, int, int]) -> Iterator[MaskFrame]:
    """Yield the frames of all whole records from the beginning of a file on."""
    size = os.fstat(file.fileno()).st_size
    pixels = shape[0] * shape[1] * shape[2]
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        seconds, length, checksum = _HEAD.unpack(head)
        if length > size - file.tell() or zlib.crc32(content := file.read(length)) != checksum:
            return
        bits = np.frombuffer(zlib.decompress(content), np.uint8)
        if bits.size != -(-pixels // 8):
            return
        yield MaskFrame(np.unpackbits(bits, count=pixels).view(bool).reshape(shape), seconds)

"""Arrays in an `.npz`, as `np.savez` writes it. Equal arrays give equal bytes, and nothing in a file is trusted."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterable
from typing import IO, BinaryIO

import numpy as np

DTYPES = tuple(map(np.dtype, ("<f4", "<f8", "<i8", "|u1")))
"""The types of arrays that are read."""


def write_array(
    archive: zipfile.ZipFile, name: str, dtype: np.dtype, shape: tuple[int, ...], parts: Iterable[bytes]
) -> None:
    """Write an array as it is made: its bytes, in C order, in parts."""
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for part in parts:
            file.write(part)


def checked_members(archive: zipfile.ZipFile, file: BinaryIO) -> dict[str, zipfile.ZipInfo]:
    """The members by the name of their array. Each is as large as it says, and all fit into the file.

    Raises:
        ValueError: other members, or arrays of other types than `DTYPES`.
    """
    members = archive.infolist()
    names = {member.filename for member in members}
    if len(names) < len(members) or not all(name.endswith(".npy") for name in names):
        raise ValueError("its members are not arrays with a name each")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("its members are compressed; np.savez leaves them as they are")
    if sum(member.file_size for member in members) > os.fstat(file.fileno()).st_size:
        raise ValueError("its members claim to be larger than the file")
    for member in members:
        with archive.open(member) as opened:
            shape, dtype = read_header(opened)
            if opened.tell() + math.prod(shape) * dtype.itemsize != member.file_size:
                raise ValueError(f"{member.filename} is not as large as its shape {list(shape)}")
    return {member.filename.removesuffix(".npy"): member for member in members}


def read_header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """The shape and the type of an array, whose bytes follow in C order."""
    np.lib.format.read_magic(member)
    shape, in_fortran_order, dtype = np.lib.format.read_array_header_1_0(member)
    if dtype not in DTYPES or in_fortran_order or any(type(side) is not int or side < 0 for side in shape):
        raise ValueError(f"{member.name} is no C-ordered array of fp32, fp64, int64 or uint8")
    return shape, dtype


def read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """A whole array. Its checksum is compared."""
    with archive.open(member) as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
        file.read()  # its end, where zipfile compares the CRC-32
        return array

"""Files that are whole: atomic writes, locked folders, and digests.

A reader never sees half a file, and a failure leaves the old file in place.
"""

import hashlib
import os
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

LOCK = ".lock"
"""The file in a folder that a running process holds. By itself it means nothing."""

STRIDE, SAMPLE = 2**24, 2**16
"""Bytes from one sample of a file to the next, and of each sample. A file of 20 GB is judged by 80 MB."""


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path to write to. It replaces `path` when the block ends without an exception.

    The temporary file is in the same folder and has the same suffix. Missing parent folders are created. If `path` is
    a link, the file that it leads to is replaced.

    Raises:
        OSError: the folder cannot be created or written.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid4().hex}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_each(folder: Path, writers: Mapping[str, Callable[[Path], object]]) -> dict[str, str]:
    """Write files that nothing else is made from, such as pictures. If one fails, the others are still written.

    Any exception counts, whatever a disk, a codec or a font raises. Ctrl-C is none: it ends everything.

    Args:
        folder: of the files.
        writers: what writes each file to a path, by its name.

    Returns:
        Why a file was not written, by its name. In its place is what was there before, if anything.
    """
    failed = {}
    for name, write in writers.items():
        try:
            with atomic_write(folder / name) as temporary:
                write(temporary)
        except Exception as error:
            failed[name] = _reason(error, folder / name)
    return failed


def _reason(error: Exception, file: Path) -> str:
    """An error of `atomic_write` on one line, with the name of the file in place of the temporary path."""
    # The type belongs to it: the text of a KeyError is a key, and that of a MemoryError is empty.
    reason = " ".join("".join(traceback.format_exception_only(error)).split())
    temporary = re.escape(os.path.realpath(file.parent) + os.sep) + r"[.][0-9a-f]{32}" + re.escape(file.suffix)
    return re.sub(temporary, lambda _: file.name, reason)


def remove_temporaries(path: Path) -> None:
    """Remove what processes left that died inside `atomic_write` of a file like `path`. Hold the lock of its folder."""
    for temporary in path.parent.glob(f".{'[0-9a-f]' * 32}{path.suffix}"):
        temporary.unlink()


@contextmanager
def locked(folder: Path, name: str = LOCK) -> Iterator[None]:
    """Keep other processes out of a folder inside the `with` block. The lock ends with its process, however that ends.

    A missing folder is created. Locks with another `name` do not exclude each other.

    Raises:
        ValueError: another process has locked the folder.
        OSError: the folder cannot be written.
    """
    lock = FileLock(folder / name)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ValueError(f"another process is writing to {folder}; wait for it, or give another folder") from error
    try:
        yield
    finally:
        lock.release()


def sha256_of(path: Path) -> str:
    """SHA-256 of the content of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def sampled_sha256_of(path: Path) -> str:
    """SHA-256 of the size of a file and of its content, or of samples if it is large, as hexadecimal digits.

    The samples are the first `SAMPLE` bytes of every `STRIDE` bytes, and the last ones. A file that is no larger than
    `STRIDE` is read whole. A change between two samples is not seen.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(f"{size}\n".encode())
    with path.open("rb") as file:
        if size <= STRIDE:
            digest.update(file.read())
            return digest.hexdigest()
        for start in (*range(0, size, STRIDE), size - SAMPLE):
            file.seek(start)
            digest.update(file.read(SAMPLE))
    return digest.hexdigest()


def read_up_to(path: Path, largest: int) -> bytes:
    """The content of a file that a user or another program wrote, unless it is too large to be what it should be.

    Raises:
        ValueError: it is no regular file, or has more than `largest` bytes.
        OSError: it is missing, or cannot be read.
    """
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a regular file")
    with path.open("rb") as file:
        is_larger = os.fstat(file.fileno()).st_size > largest
        content = b"" if is_larger else file.read(largest + 1)  # it may grow meanwhile
    if is_larger or len(content) > largest:
        raise ValueError(f"{path} is larger than {largest >> 20} MiB")
    return content

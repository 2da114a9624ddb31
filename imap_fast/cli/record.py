"""The record of a run: a JSON object with the digests of all files of the run, and of itself.

It is written last. So a folder without a record that fits its files holds no complete run.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from imap_fast.cli.json_object import read_object
from imap_fast.files import atomic_write, sha256_of

RECORD = "run.json"

NOT_WRITTEN = "not_written"
"""The entry of a record with the files that could not be written: the reason of each, by its name."""

AGAIN = "restore it, or run its command again with --overwrite"


def write_record(folder: Path, record: dict[str, Any], files: Iterable[str], name: str = RECORD) -> dict[str, Any]:
    """Write a record, and return its content.

    Args:
        folder: of the record and of the files.
        record: JSON values. `sha256`, the digest of each file, and `digest`, that of the record, are added. It may have
            digests of other files.
        files: the names of the files, which exist.
        name: of the record.

    Raises:
        OSError: a file cannot be read, or the record cannot be written.
    """
    digests = record.get("sha256", {}) | {file: sha256_of(folder / file) for file in files}
    sealed = json.loads(json.dumps(record | {"sha256": dict(sorted(digests.items()))}))
    sealed["digest"] = _digest(sealed)
    with atomic_write(folder / name) as temporary:
        temporary.write_text(json.dumps(sealed, indent=2) + "\n")
    return sealed


def record_of(folder: Path, name: str = RECORD) -> dict[str, Any]:
    """The record in a folder: an object with `sha256`, an object of texts, and `digest`. `video` is a text if it is
    there, `options` an object, and `not_written` an object of texts. The files are not looked at.

    Raises:
        ValueError: the record is missing, damaged, or of an older version without digests.
    """
    path = folder / name
    if not path.exists():
        raise ValueError(f"{folder} has no {name}, so it holds no complete run; run the command that fills it again")
    record = read_object(path, AGAIN)
    if "digest" not in record:
        raise ValueError(f"{path} was made by an older imap-fast, without digests; run again with --overwrite")
    if record["digest"] != _digest(record) or not _has_types(record):
        raise ValueError(f"{path} is damaged: its content does not have its digest; {AGAIN}")
    return record


def verified_record(folder: Path, name: str = RECORD) -> dict[str, Any]:
    """The record in a folder whose files are exactly those that were written with it.

    Raises:
        ValueError: as in `record_of`, or a file is missing, damaged or of another run.
        OSError: a file cannot be read.
    """
    record = record_of(folder, name)
    for file, digest in record["sha256"].items():
        path = folder / file
        if not path.is_file():
            raise ValueError(f"{path}, a file of this run, is {'not regular' if path.exists() else 'missing'}; {AGAIN}")
        if sha256_of(path) != digest:
            raise ValueError(f"{path} is damaged or of another run: {name} has another digest of it; {AGAIN}")
    return record


def _digest(record: dict[str, Any]) -> str:
    """SHA-256 of a record without its digest, however it is spaced and ordered."""
    content = {key: value for key, value in record.items() if key != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _has_types(record: dict[str, Any]) -> bool:
    return (
        _is_of_texts(record.get("sha256"))
        and _is_of_texts(record.get(NOT_WRITTEN, {}))
        and isinstance(record.get("options", {}), dict)
        and isinstance(record.get("video", ""), str)
    )


def _is_of_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())

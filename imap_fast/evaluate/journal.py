"""The journal of an evaluation: one JSON line for each finished clip, so that an evaluation can resume."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from imap_fast.evaluate.localization import Row
from imap_fast.explaining.run_options import refuse_other_options
from imap_fast.files import atomic_write, locked, remove_temporaries

CLIPS = "clips.jsonl"

_LOCK = f".{CLIPS}.lock"
"""A lock of its own, because a command that fills the folder holds the lock of the folder."""


class Journal:
    """A file with the options of an evaluation, and then a line for each finished clip.

    Each line has a checksum of itself and of the lines before it. An incomplete last line is dropped, and its clip is
    evaluated again. No other process can open the journal until the end of the `with` block, or until `close`.

    Args:
        folder: the folder of the file. It is created if it is missing.
        options: what determines the rows, as JSON values.
        overwrite: whether to discard the clips of an earlier evaluation.

    Attributes:
        rows: the rows of each finished clip, by its name.

    Raises:
        ValueError: the folder holds clips of an evaluation with other options or a damaged file, another process has
            opened its journal, or it cannot be written.
    """

    def __init__(self, folder: str | os.PathLike, options: dict[str, Any], *, overwrite: bool = False) -> None:
        self.path = Path(folder) / CLIPS
        self.rows: dict[str, list[Row]] = {}
        self._options: dict[str, Any] = json.loads(json.dumps(options))
        self._size: int | None = None  # bytes of whole lines; None: the first clip begins a new file
        self._checksum = ""  # of the last line
        with ExitStack() as exits:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                exits.enter_context(locked(self.path.parent, _LOCK))
                remove_temporaries(self.path)
                if self.path.exists() and not overwrite:
                    self._read()
            except OSError as error:
                raise ValueError(
                    f"{folder} cannot be written ({error.strerror or error}); make it writable or give another folder"
                ) from error
            self._exits = exits.pop_all()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let other processes open the journal."""
        self._exits.close()

    def _read(self) -> None:
        *lines, incomplete = self.path.read_bytes().split(b"\n")
        try:
            header, *clips = map(self._checked, lines)
            earlier_options = dict(header["options"])
            self.rows = {clip["clip"]: [_with_nan(row) for row in clip["rows"]] for clip in clips}
        except Exception as error:  # whatever a parser raises about bytes
            reason = f"no {error}" if isinstance(error, KeyError) else error
            raise ValueError(f"{self.path} is damaged ({reason}); remove it and run again") from error
        refuse_other_options(self.path.parent, earlier_options, self._options)
        self._size = self.path.stat().st_size - len(incomplete)

    def _checked(self, line: bytes) -> dict[str, Any]:
        """The entry of the line that follows the last one."""
        entry = json.loads(line)
        checksum = entry.pop("sha256")
        self._checksum = _checksum(self._checksum, entry)
        if checksum != self._checksum:
            raise ValueError("a line is not what was written")
        return entry

    def add(self, clip: str, rows: list[Row]) -> None:
        """Record a finished clip.

        Raises:
            OSError: the folder can no longer be written. The clips that are recorded stay.
        """
        entries: list[dict[str, Any]] = [] if self._size is not None else [{"options": self._options}]
        entries.append({"clip": clip, "rows": [without_nan(row) for row in rows]})
        checksum, content = self._checksum, ""
        for entry in entries:
            checksum = _checksum(checksum, entry)
            content += json.dumps(entry | {"sha256": checksum}, allow_nan=False) + "\n"
        try:
            self._write(content.encode())
        except OSError as error:
            raise OSError(
                f"{self.path} cannot be written ({error.strerror or error}); once it can be, run again: finished clips "
                "are kept"
            ) from error
        self._size, self._checksum = (self._size or 0) + len(content), checksum
        self.rows[clip] = rows

    def _write(self, content: bytes) -> None:
        """Begin the file, or write after its last whole line."""
        if self._size is None:
            with atomic_write(self.path) as temporary:
                temporary.write_bytes(content)
            return
        with self.path.open("r+b") as file:
            file.seek(self._size)
            file.write(content)
            file.truncate()


def _checksum(before: str, entry: dict[str, Any]) -> str:
    """SHA-256 of an entry and of the checksum of the line before it."""
    return hashlib.sha256(f"{before}\n{json.dumps(entry)}".encode()).hexdigest()


def without_nan(row: Row) -> Row:
    """A row as JSON values, with None for NaN."""
    return {name: None if value != value else value for name, value in row.items()}


def _with_nan(row: Row) -> Row:
    text = {"concept", "kind", "method"}
    return {name: float("nan") if value is None and name not in text else value for name, value in row.items()}

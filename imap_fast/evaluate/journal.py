"""The journal of an evaluation: one JSON line for each finished clip, so that an evaluation can resume."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, BinaryIO, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from imap_fast.evaluate.example import DataSet
from imap_fast.evaluate.localization import MEASURES, Row
from imap_fast.explaining.run_options import refuse_other_options
from imap_fast.files import atomic_write, locked, remove_temporaries
from imap_fast.maps.schema import first_fault

Parsed = TypeVar("Parsed")

CLIPS = "clips.jsonl"

_LOCK = f".{CLIPS}.lock"
"""A lock of its own, because a command that fills the folder holds the lock of the folder."""

_LONGEST_LINE = 2**24
"""Bytes of a line. A clip of a hundred concepts has 0.4 MB."""

_Score = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class _Row(BaseModel):
    """A `Row` as JSON values: measures are numbers, or None for NaN."""

    model_config = ConfigDict(strict=True, extra="allow")
    __pydantic_extra__: dict[str, _Score | None] = Field(init=False)

    concept: str | None
    kind: str
    method: str

    @model_validator(mode="after")
    def _has_the_measures_of_its_kind(self) -> _Row:
        if self.__pydantic_extra__.keys() != set(MEASURES.get(self.kind, ())):
            raise ValueError(f"the measures of {self.kind!r} are others")
        return self


class _Entry(BaseModel):
    """A line of a finished clip, without its checksum."""

    model_config = ConfigDict(strict=True, extra="forbid")

    clip: str
    files: str
    rows: list[_Row]


class Journal:
    """A file with the options of an evaluation, and then a line for each finished clip.

    Each line has a checksum of itself and of the lines before it. An incomplete last line is dropped, and its clip is
    evaluated again. No other process can open the journal until the end of the `with` block, or until `close`.

    Args:
        folder: the folder of the file. It is created if it is missing.
        options: what determines the rows, as JSON values.
        overwrite: whether to discard the clips of an earlier evaluation.
        remedy: the end of an error about an evaluation with other options or files.

    Attributes:
        rows: the rows of each finished clip, by its name.
        files: the digest of the files of each finished clip, by its name; see `DataSet.digest`.
        checksum: of everything that is recorded. Empty if nothing is.

    Raises:
        ValueError: the folder holds clips of an evaluation with other options or a damaged file, another process has
            opened its journal, or it cannot be written.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        options: dict[str, Any],
        *,
        overwrite: bool = False,
        remedy: str = "give another folder",
    ) -> None:
        self.path = Path(folder) / CLIPS
        self.rows: dict[str, list[Row]] = {}
        self.files: dict[str, str] = {}
        self.checksum = ""
        self._options: dict[str, Any] = json.loads(json.dumps(options))
        self._size: int | None = None  # bytes of whole lines; None: the first clip begins a new file
        self._remedy = remedy
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
        if not self.path.is_file():
            raise self._damaged("it is not a regular file")
        with self.path.open("rb") as file:
            earlier_options = self._read_line(file, lambda header: dict(header["options"]))
            if earlier_options is None:
                raise self._damaged("it has no line")
            # Before the clips, because an older version wrote other ones.
            refuse_other_options(self.path.parent, earlier_options, self._options, self._remedy)
            while entry := self._read_line(file, _Entry.model_validate):
                self.rows[entry.clip] = [_with_nan(row.model_dump()) for row in entry.rows]
                self.files[entry.clip] = entry.files

    def _read_line(self, file: BinaryIO, parse: Callable[[dict[str, Any]], Parsed]) -> Parsed | None:
        """The entry of the next line. None at the end of the file, and for a last line that is incomplete."""
        line = file.readline(_LONGEST_LINE)
        if len(line) < _LONGEST_LINE and not line.endswith(b"\n"):
            return None
        try:
            if not line.endswith(b"\n"):
                raise ValueError(f"a line is longer than {_LONGEST_LINE >> 20} MiB")
            entry = json.loads(line)
            checksum = entry.pop("sha256")
            self.checksum = _checksum(self.checksum, entry)
            if checksum != self.checksum:
                raise ValueError("a line is not what was written")
            parsed = parse(entry)
        except ValidationError as error:
            raise self._damaged(first_fault(error)) from error
        except Exception as error:  # whatever a parser raises about bytes
            raise self._damaged(f"no {error}" if isinstance(error, KeyError) else str(error)) from error
        self._size = file.tell()
        return parsed

    def _damaged(self, reason: str) -> ValueError:
        return ValueError(f"{self.path} is damaged ({reason}); remove it and run again")

    def refuse_other_files(self, dataset: DataSet) -> None:
        """Raise ValueError if the files of a finished clip are no longer those that were measured.

        Raises:
            OSError: a file cannot be read.
        """
        for clip in dataset.clips:
            if clip in self.files and dataset.digest(clip) != self.files[clip]:
                raise ValueError(
                    f"{self.path.parent} holds measurements of other files of the clip {clip!r}: its video, "
                    f"frames or masks changed; {self._remedy}"
                )

    def add(self, clip: str, rows: list[Row], files: str) -> None:
        """Record a finished clip.

        Args:
            clip: its name.
            rows: its rows.
            files: the digest of its files; see `DataSet.digest`.

        Raises:
            OSError: the folder can no longer be written. The clips that are recorded stay.
        """
        entries: list[dict[str, Any]] = [] if self._size is not None else [{"options": self._options}]
        entries.append({"clip": clip, "files": files, "rows": [without_nan(row) for row in rows]})
        checksum, content = self.checksum, ""
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
        self._size, self.checksum = (self._size or 0) + len(content), checksum
        self.rows[clip], self.files[clip] = rows, files

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

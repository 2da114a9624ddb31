"""The journal of an evaluation: one JSON line for each finished clip, so that an evaluation can resume."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from imap_fast.evaluate.localization import Row
from imap_fast.explaining.run_options import refuse_other_options
from imap_fast.files import atomic_write

CLIPS = "clips.jsonl"


class Journal:
    """A file with the options of an evaluation, and then a line for each finished clip.

    An incomplete last line is dropped, and its clip is evaluated again.

    Args:
        folder: the folder of the file. It is created if it is missing.
        options: what determines the rows, as JSON values.
        overwrite: whether to discard the clips of an earlier evaluation.

    Attributes:
        rows: the rows of each finished clip, by its name.

    Raises:
        ValueError: the folder holds clips of an evaluation with other options, or it cannot be written.
    """

    def __init__(self, folder: str | os.PathLike, options: dict[str, Any], *, overwrite: bool = False) -> None:
        self.path = Path(folder) / CLIPS
        self.rows: dict[str, list[Row]] = {}
        self._lines = [json.dumps({"options": options}) + "\n"]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and not overwrite:
                self._read()
        except OSError as error:
            raise ValueError(f"{folder} cannot be written ({error.strerror}); give another folder") from error

    def _read(self) -> None:
        lines = [line for line in self.path.read_text("utf-8").splitlines(keepends=True) if line.endswith("\n")]
        try:
            header, *clips = map(json.loads, lines)
            earlier_options = header["options"]
            self.rows = {clip["clip"]: [_with_nan(row) for row in clip["rows"]] for clip in clips}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self.path} is damaged ({error}); remove it and run again") from error
        refuse_other_options(self.path.parent, earlier_options, json.loads(self._lines[0])["options"])
        self._lines = lines

    def add(self, clip: str, rows: list[Row]) -> None:
        """Record a finished clip."""
        self.rows[clip] = rows
        line = json.dumps({"clip": clip, "rows": [without_nan(row) for row in rows]}, allow_nan=False) + "\n"
        if self._lines:  # the file is rewritten once, without incomplete lines and without other evaluations
            with atomic_write(self.path) as temporary:
                temporary.write_text("".join([*self._lines, line]), "utf-8")
            self._lines = []
        else:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line)


def without_nan(row: Row) -> Row:
    """A row as JSON values, with None for NaN."""
    return {name: None if value != value else value for name, value in row.items()}


def _with_nan(row: Row) -> Row:
    text = {"concept", "kind", "method"}
    return {name: float("nan") if value is None and name not in text else value for name, value in row.items()}

"""The clips that an evaluation is done with, one JSON line each, so that it goes on after any end."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from imap_fast.evaluate.localization import Row
from imap_fast.explaining.options import refuse_other_options
from imap_fast.files import atomic_write

CLIPS = "clips.jsonl"


class Journal:
    """A file of finished clips: what was asked for, then a line for each.

    A line that a dying process left without its end is dropped, and its clip evaluated again.

    Args:
        folder: holds it; made if missing.
        asked: what decides the rows, as JSON holds it.
        anew: whether clips of another run, and of this one, are forgotten.

    Attributes:
        rows: of each clip that is done.

    Raises:
        ValueError: the folder holds clips of a run that was asked for something else, or cannot be written.
    """

    def __init__(self, folder: str | os.PathLike, asked: dict[str, Any], *, anew: bool = False) -> None:
        self.path = Path(folder) / CLIPS
        self.rows: dict[str, list[Row]] = {}
        self._lines = [json.dumps({"asked": asked}) + "\n"]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and not anew:
                self._read()
        except OSError as error:
            raise ValueError(f"{folder} cannot be written ({error.strerror}); give another folder") from error

    def _read(self) -> None:
        lines = [line for line in self.path.read_text("utf-8").splitlines(keepends=True) if line.endswith("\n")]
        try:
            asked, *clips = map(json.loads, lines)
            before = asked["asked"]
            self.rows = {clip["clip"]: [_with_nan(row) for row in clip["rows"]] for clip in clips}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self.path} is damaged ({error}); remove it and run again") from error
        refuse_other_options(self.path.parent, before, json.loads(self._lines[0])["asked"])
        self._lines = lines

    def add(self, clip: str, rows: list[Row]) -> None:
        """Notes that a clip is done."""
        self.rows[clip] = rows
        line = json.dumps({"clip": clip, "rows": [without_nan(row) for row in rows]}, allow_nan=False) + "\n"
        if self._lines:  # without the line that was cut off, or of another run
            with atomic_write(self.path) as unfinished:
                unfinished.write_text("".join([*self._lines, line]), "utf-8")
            self._lines = []
        else:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line)


def without_nan(row: Row) -> Row:
    """A row as JSON holds it: None for NaN."""
    return {name: None if value != value else value for name, value in row.items()}


def _with_nan(row: Row) -> Row:
    told = {"concept", "kind", "method"}
    return {name: float("nan") if value is None and name not in told else value for name, value in row.items()}

"""Answers that were given, so that the same request is never paid twice."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from imap_fast.files import atomic_write
from imap_fast.judge.answer import Verdict, read_answer


class Answers:
    """A folder with a file for each answer, named by the hash of all that was sent and where to.

    Args:
        folder: made when the first answer is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, url: str, body: dict[str, Any]) -> dict[str, Verdict] | None:
        """What was answered to this request; None where nothing was, or the file is damaged."""
        path = self.path(url, body)
        return read_answer(path.read_text("utf-8", "replace")) if path.exists() else None

    def keep(self, url: str, body: dict[str, Any], answer: dict[str, Verdict]) -> None:
        """Keep what was answered to this request.

        Raises:
            OSError: the folder cannot be written.
        """
        with atomic_write(self.path(url, body)) as unfinished:
            unfinished.write_text(json.dumps(answer, indent=2) + "\n", "utf-8")

    def path(self, url: str, body: dict[str, Any]) -> Path:
        """Where the answer to this request is, or would be, kept."""
        sent = json.dumps([url, body], sort_keys=True)
        return self.folder / f"{sha256(sent.encode()).hexdigest()}.json"

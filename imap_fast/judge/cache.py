"""The cache of answers, so that no request is paid for twice."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from imap_fast.files import atomic_write, read_up_to
from imap_fast.judge.answer import Verdict, read_answer

LARGEST = 2**20
"""Bytes of an answer. Ours have a few kilobytes."""


class Answers:
    """A folder with a file for each answer, named by the hash of the request and its URL.

    Args:
        folder: created with the first answer.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, url: str, body: dict[str, Any]) -> dict[str, Verdict] | None:
        """The answer to a request. None if there is none, or if its file is damaged."""
        try:
            return read_answer(read_up_to(self.path(url, body), LARGEST).decode("utf-8", "replace"))
        except (FileNotFoundError, ValueError):  # ValueError: no regular file, or a larger one
            return None

    def save(self, url: str, body: dict[str, Any], answer: dict[str, Verdict]) -> None:
        """Save the answer to a request.

        Raises:
            OSError: the folder cannot be written.
        """
        with atomic_write(self.path(url, body)) as temporary:
            temporary.write_text(json.dumps(answer, indent=2) + "\n", "utf-8")

    def path(self, url: str, body: dict[str, Any]) -> Path:
        """The file of the answer to a request, which may not exist."""
        content = json.dumps([url, body], sort_keys=True)
        return self.folder / f"{sha256(content.encode()).hexdigest()}.json"

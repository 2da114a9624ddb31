"""The JSON files that describe the clips of a data set."""

import json
from pathlib import Path
from typing import Any

from imap_fast.evaluate.example import is_background
from imap_fast.files import read_up_to

MAX_BYTES = 2**26
"""The largest file: a hundred thousand clips have a few tens of megabytes."""


def read_json(path: Path, like: str) -> Any:
    """The content of a JSON file.

    Args:
        path: of the file.
        like: what it should hold, for the error.

    Raises:
        ValueError: the file is missing, no regular file, larger than `MAX_BYTES`, or not JSON, or an object in it has a
            key twice.
    """
    try:
        # Some editors begin a file with a byte-order mark.
        return json.loads(read_up_to(path, MAX_BYTES).decode("utf-8-sig"), object_pairs_hook=_object)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as JSON ({error}); give {like}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise ValueError(f"an object has the key {key!r} twice")
        content[key] = value
    return content


def is_text(value: Any) -> bool:
    """Whether a value is text with a visible character, and valid Unicode, which tokenizers need."""
    return isinstance(value, str) and bool(value.strip()) and not any("\ud800" <= each <= "\udfff" for each in value)


def can_name_object(value: Any) -> bool:
    """Whether a value is a text that can name an object, which the background is not."""
    return is_text(value) and not is_background(value)

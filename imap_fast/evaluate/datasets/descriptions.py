"""The JSON files that describe the clips of a data set."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from imap_fast.files import read_up_to
from imap_fast.text.words import is_background

MAX_BYTES = 2**26
"""The largest file: a hundred thousand clips have a few tens of megabytes."""


def read_json(path: Path, like: str, largest: int = MAX_BYTES) -> Any:
    """The content of a JSON file.

    Args:
        path: of the file.
        like: what it should hold, for the error.
        largest: the most bytes that are read.

    Raises:
        ValueError: the file is missing, no regular file, larger than `largest`, or not JSON, or an object in it has a
            key twice.
    """
    try:
        # Some editors begin a file with a byte-order mark.
        return json.loads(read_up_to(path, largest).decode("utf-8-sig"), object_pairs_hook=_object)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as JSON ({error}); give {like}") from error


def read_object(path: Path, largest: int = MAX_BYTES) -> dict[str, Any]:
    """The content of a file with one JSON object. Errors are those of `read_json`."""
    content = read_json(path, "a JSON object", largest)
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a JSON {type(content).__name__}; give a JSON object")
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        repeated, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"an object has the key {repeated!r} twice")
    return content


def digest_of(content: Any) -> str:
    """SHA-256 of JSON values."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def is_text(value: Any) -> bool:
    """Whether a value is text with a visible character, and valid Unicode, which tokenizers need."""
    return isinstance(value, str) and bool(value.strip()) and not any("\ud800" <= each <= "\udfff" for each in value)


def can_name_object(value: Any) -> bool:
    """Whether a value is a text that can name an object, which the background is not."""
    return is_text(value) and not is_background(value)

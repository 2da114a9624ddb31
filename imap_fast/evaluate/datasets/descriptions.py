"""The JSON files that describe the clips of a data set."""

import json
from pathlib import Path
from typing import Any

from imap_fast.files import read_up_to

MAX_BYTES = 2**26
"""The largest file: a hundred thousand clips have a few tens of megabytes."""


def read_json(path: Path, like: str) -> Any:
    """The content of a JSON file.

    Args:
        path: of the file.
        like: what it should hold, for the error.

    Raises:
        ValueError: the file is missing, no regular file, larger than `MAX_BYTES`, or not JSON.
    """
    try:
        return json.loads(read_up_to(path, MAX_BYTES).decode())
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as JSON ({error}); give {like}") from error


def is_text(value: Any) -> bool:
    """Whether a value is text with a visible character, and valid Unicode, which tokenizers need."""
    return isinstance(value, str) and bool(value.strip()) and not any("\ud800" <= each <= "\udfff" for each in value)

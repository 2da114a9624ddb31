"""Reads the JSON objects that commands write."""

import json
from pathlib import Path
from typing import Any

MAX_BYTES = 2**26
"""The largest file. Ours have kilobytes; the maps of thousands of concepts have a few megabytes of labels."""

MAX_DEPTH = 50
"""The deepest nesting of lists and objects. Ours have less than ten levels."""


def read_object(path: Path, remedy: str) -> dict[str, Any]:
    """The content of a file with one JSON object.

    Raises:
        ValueError: the file is missing, no regular file, too large, too deep, or no JSON object. The error ends with
            `remedy`.
        OSError: the file cannot be read.
    """
    if not path.is_file():
        raise ValueError(f"{path} is {'not a regular file' if path.exists() else 'missing'}; {remedy}")
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} is larger than {MAX_BYTES >> 20} MiB, so no run wrote it; {remedy}")
    try:
        content = json.loads(path.read_bytes())
    except RecursionError as error:
        raise ValueError(f"{path} is nested too deeply, so no run wrote it; {remedy}") from error
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}); {remedy}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} does not hold an object; {remedy}")
    level: list[Any] = [content]
    for _ in range(MAX_DEPTH):
        level = [child for value in level for child in _children(value)]
    if level:
        raise ValueError(f"{path} is nested too deeply, so no run wrote it; {remedy}")
    return content


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []

"""The comparison of the options of two runs."""

import os
import re
from collections.abc import Iterator
from typing import Any

_DIGEST = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{56}\b")


def refuse_other_options(
    folder: str | os.PathLike, before: dict[str, Any], now: dict[str, Any], remedy: str = "give another folder"
) -> None:
    """Raise ValueError if the options of a run differ from those of the run whose results `folder` holds."""
    differences = "; ".join(_differences(before, now))
    if differences:
        raise ValueError(f"{folder} holds a run with other settings: {differences}; {remedy}")


def _differences(before: dict[str, Any], now: dict[str, Any], of: str = "") -> Iterator[str]:
    for name in sorted(before.keys() | now.keys()):
        earlier, later = before.get(name), now.get(name)
        if earlier == later:
            continue
        if isinstance(earlier, dict) and isinstance(later, dict):
            yield from _differences(earlier, later, f"{of}{name}.")
        elif _is_digest(earlier) and _is_digest(later):
            yield f"{of}{name} changed"
        else:
            yield f"{of}{name} was {_shown(earlier)} and is {_shown(later)}"


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _shown(value: object) -> str:
    """A value as Python writes it, with the beginning of each digest."""
    return _DIGEST.sub(r"\1…", repr(value))

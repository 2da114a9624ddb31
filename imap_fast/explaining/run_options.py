"""The comparison of the options of two runs."""

import os
from typing import Any


def refuse_other_options(
    folder: str | os.PathLike, before: dict[str, Any], now: dict[str, Any], remedy: str = "give another folder"
) -> None:
    """Raise ValueError if the options of a run differ from those of the run whose results `folder` holds."""
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if changed:
        differences = "; ".join(f"{name} was {before.get(name)!r} and is {now.get(name)!r}" for name in changed)
        raise ValueError(f"{folder} holds a run with other settings: {differences}; {remedy}")

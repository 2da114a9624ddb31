"""The name of a model without the folders of the machine that it is on."""

import os
import re
from pathlib import Path

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?", re.ASCII)
"""An id on the Hugging Face hub: `name`, or `owner/name`."""

CACHED = "models--"
"""Prefix of a model's folder in the cache of the hub. There `--` separates the owner from the name."""


def model_name(source: str) -> str:
    """The name by which people know a model.

    An id on the hub stays whole: `THUDM/CogVideoX-2b`. So does the id of a model in the cache of the hub, whose path
    is `…/models--THUDM--CogVideoX-2b/snapshots/<hash>`. Any other path gives its last part:
    `/home/jane/models/CogVideoX-2b` is `CogVideoX-2b`.

    Args:
        source: an id, or a path. Empty if unknown, like the result.
    """
    parts = re.split(r"[/\\]", source)
    cached = [part.removeprefix(CACHED) for part in parts if part.startswith(CACHED)]
    if cached:
        return cached[-1].replace("--", "/")
    if not source or (HUB_ID.fullmatch(source) and not os.path.isdir(source)):
        return source
    # `abspath`, because `.` and `..` are no names.
    return Path(os.path.abspath(os.path.expanduser(source.replace("\\", "/")))).name

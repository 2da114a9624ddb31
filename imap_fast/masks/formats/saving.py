"""Folders of masks that are there as a whole, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from imap_fast.masks.formats import FORMATS
from imap_fast.masks.values import MaskValues


def save_clips(clips: Mapping[str, MaskValues], path: str | os.PathLike, format: str) -> None:
    """Write the masks of clips, by their names, into a new folder.

    Raises:
        ValueError: an unknown format, or one that the masks do not fit or whose package is not installed, or a video
            that ends before its last frame.
        FileExistsError: something has this path.
        OSError: the folder cannot be written.
    """
    if format not in FORMATS:
        raise ValueError(f"format={format!r} is none of {', '.join(map(repr, FORMATS))}")
    path = Path(os.path.abspath(path))
    if os.path.lexists(path):
        raise FileExistsError(f"{path} exists; remove it, or give another path for the masks")
    hidden = path.with_name(f".{uuid4().hex}")
    hidden.mkdir(parents=True)
    try:
        FORMATS[format](clips, hidden)
        hidden.rename(path)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)

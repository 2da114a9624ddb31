"""Tracks as files: JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imap_fast.files import atomic_write
from imap_fast.text.spreadsheet import no_formula
from imap_fast.tracking.track import Track

COLUMNS = ("label", "frame", "seconds", "x", "y", "confidence", "visible")


def write_tracks(path: str | os.PathLike, record: Mapping[str, Any], tracks: Sequence[Track]) -> None:
    """Write tracks in the format of the suffix; see `Tracks.save`.

    Args:
        path: of the file.
        record: all that is known, as JSON values.
        tracks: of one video.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".json":
        content = json.dumps(record, allow_nan=False) + "\n"  # not a line for each number
    elif suffix == ".csv":
        content = csv_of(tracks)
    else:
        raise ValueError(f"tracks are saved as .json or .csv, not {path.name!r}")
    with atomic_write(path) as temporary:
        temporary.write_bytes(content.encode())


def csv_of(tracks: Sequence[Track]) -> str:
    """A row for each region and frame, as RFC 4180 has it. A time that nobody knows is empty."""
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    for track in tracks:
        seconds = track.seconds or [None] * len(track.x)
        rows = zip(seconds, track.x, track.y, track.confidence, track.visible, strict=True)
        writer.writerows([no_formula(track.label), frame, *values] for frame, values in enumerate(rows))
    return table.getvalue()

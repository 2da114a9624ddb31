"""Events as files: JSON, CSV, and WebVTT that plays with the video."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from imap_fast.events.event import Event
from imap_fast.files import atomic_write
from imap_fast.text.spreadsheet import no_formula

UNREADABLE = "\ufffd"
"""What stands for a character that no file of text may have, and for a blank label."""

REFERENCES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\u200e": "&lrm;", "\u200f": "&rlm;"}
"""Characters that mean something in the text of a cue, or are lost in an editor."""


def write_events(path: str | os.PathLike, record: Mapping[str, Any], events: Sequence[Event]) -> None:
    """Write events in the format of the suffix; see `Events.save`.

    Args:
        path: of the file.
        record: all that is known, as JSON values.
        events: in order of their beginnings.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".json":
        content = json.dumps(record, indent=2, allow_nan=False) + "\n"
    elif suffix == ".csv":
        content = csv_of(events)
    elif suffix == ".vtt":
        content = webvtt_of(events, record["steady"])
    else:
        raise ValueError(f"events are saved as .json, .csv or .vtt, not {path.name!r}")
    with atomic_write(path) as temporary:
        temporary.write_bytes(content.encode())


def csv_of(events: Sequence[Event]) -> str:
    """A row for each event, as RFC 4180 has it. A time that nobody knows is empty."""
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(field.name for field in fields(Event))
    for event in events:
        label, *values = astuple(event)
        writer.writerow([no_formula(label), *values])
    return table.getvalue()


def webvtt_of(events: Sequence[Event], steady: Sequence[str]) -> str:
    """A cue for each event, whose text is the label on one line, and a note of the steady concepts.

    Raises:
        ValueError: nobody knows the times of the video.
    """
    if any(event.start is None for event in events):
        raise ValueError("a .vtt file needs times, and these events have only frames; give fps=, or save .json or .csv")
    blocks = ["WEBVTT"]
    if steady:
        blocks.append("NOTE steady: " + ", ".join(map(_cue_text, steady)))
    for event in events:
        begin = round(1000 * (event.start or 0))
        end = max(round(1000 * (event.end or 0)), begin + 1)  # an empty cue is none
        blocks.append(f"{_timestamp(begin)} --> {_timestamp(end)}\n{_cue_text(event.label)}")
    return "\n\n".join(blocks) + "\n"


def _timestamp(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"


def _cue_text(label: str) -> str:
    line = " ".join(label.replace("\0", UNREADABLE).split()) or UNREADABLE  # a blank line would end the cue
    return "".join(REFERENCES.get(character, character) for character in line)

"""What differs between the settings of two runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LEFT_OUT = {
    *("caption", "labels", "grid", "selected heads", "agreement", "settings", "auc", "shown", "files", "options"),
    *("not written", "sha256", "digest", "seconds"),
}
"""Entries that are results, or that tell files apart."""

OF_VIDEO = {"sha256", "shots", "gaps", "fps"}
"""What is known of the video itself, not of how it was read. Of shots, the times of the cuts are told."""


def settings_of(settings: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run by readable names, `{"video fps": 8.0}`, without None.

    Args:
        settings: of the maps, and what else was chosen.
        run: further facts about the run, which count where the settings do not have them.
    """
    known = {**run, **settings}
    runs = known.pop("runs", None) or ()
    if isinstance(known.get("video"), str):  # its path
        del known["video"]
    video = {name: value for name, value in (settings.get("video") or {}).items() if name not in OF_VIDEO}
    if shots := (settings.get("video") or {}).get("shots"):
        video["cuts"] = [round(shot["seconds"], 3) for shot in shots[1:]]
    seeds = None if known.get("seed") is not None else [each.get("seed") for each in runs] or None
    return _flat({**known, "video": video, "seeds": seeds})


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The entries of both that are not equal. What is not there is None."""
    names = dict.fromkeys((*one, *other))
    return {name: (one.get(name), other.get(name)) for name in names if one.get(name) != other.get(name)}


def _flat(record: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for key, value in record.items():
        name = f"{above} {key}".strip().replace("_", " ")
        if value is None or name in LEFT_OUT:
            continue
        if isinstance(value, Mapping):
            rows |= _flat(value, "" if key == "versions" else name)
        else:
            rows[name] = list(value) if isinstance(value, tuple) else value
    return rows

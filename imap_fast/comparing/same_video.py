"""Whether two runs are of one video, as far as their maps know it."""

from __future__ import annotations

from typing import Any

from imap_fast.maps.labelled import LabelledMaps

REMEDY = "give two runs of one video"


def refuse_different_videos(one: LabelledMaps, other: LabelledMaps) -> None:
    """Raise ValueError, which names what differs, if two runs cannot be of the same frames of one video."""
    for maps in (one, other):
        shape = maps.maps[maps.default].shape
        if len(shape) == 5:
            raise ValueError(f"these maps are of {shape[0]} videos; compare one of them: maps.video(0)")
    first, second = (maps.settings.get("video") or {} for maps in (one, other))
    if not first and not second:
        _refuse_different_runs(one, other)
    for name, what in (("sha256", "the SHA-256 of its file is"), ("num_frames", "the number of its frames is")):
        values = first.get(name), second.get(name)
        if None not in values and values[0] != values[1]:
            raise ValueError(f"the two runs are of different videos: {what} {values[0]} and {values[1]}; {REMEDY}")
    if first.get("fps") and second.get("fps"):
        _refuse_different_times(first, second)


def _refuse_different_runs(one: LabelledMaps, other: LabelledMaps) -> None:
    """Of generated videos, the prompt and the seed tell two apart."""
    first, second = (maps.settings.get("runs") or [] for maps in (one, other))
    known = all(run.get("seed") is not None for run in (*first, *second))
    if first and second and known and first != second:
        raise ValueError(
            "the two runs are of different videos, which were generated with other seeds or prompts; explain one of "
            "them with both settings"
        )


def _refuse_different_times(first: dict[str, Any], second: dict[str, Any]) -> None:
    rates = first["fps"], second["fps"]
    if abs(rates[0] - rates[1]) > 1e-3 * rates[0]:
        raise ValueError(
            f"the two runs are of different videos: they have {rates[0]:g} and {rates[1]:g} frames a second; {REMEDY}"
        )
    begins = _begin(first), _begin(second)
    if abs(begins[0] - begins[1]) * rates[0] > 0.5:
        raise ValueError(
            f"the two runs begin at {begins[0]:g} s and {begins[1]:g} s of the video; explain the same stretch twice"
        )


def _begin(read: dict[str, Any]) -> float:
    """The time of the first frame."""
    shots = read.get("shots")
    return shots[0]["seconds"] if shots else read.get("start") or 0.0

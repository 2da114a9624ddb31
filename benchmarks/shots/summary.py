"""The tables of shots in the docs: the results of `benchmarks.shots`, its pairs and film, and `benchmarks.stretch`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.figure import figure
from benchmarks.record import RESULTS
from benchmarks.shots.films import DISTRACTIONS, TRANSITIONS

SHOWN = {
    "imap-fast": "`find_shots`",
    "FFmpeg scdet": "FFmpeg's `scdet`",
    "PySceneDetect content": "PySceneDetect, content",
    "PySceneDetect adaptive + fades": "PySceneDetect, adaptive and fades",
}
"""The detectors that the page compares."""

WAYS = "a cut in the window", "shots found", "the shot alone", "shots found, motion heads of the film"
"""How the first shot of a pair is read."""

SIZE = "480 × 720"
"""The size at which the time is told."""


def shots(results: Path = RESULTS) -> str:
    """What was measured about shots and stretches, in Markdown."""
    return "\n\n".join(part(results) for part in (_detectors, _pairs, _film, _stretch))


def _read(path: Path) -> tuple[dict[tuple[str, str], Any], str]:
    """The values of a result by name and shape, and the date."""
    report = json.loads(path.read_text("utf-8"))
    return {(row["name"], row["shape"]): row["value"] for row in report["rows"]}, report["date"]


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _detectors(results: Path) -> str:
    values, date = _read(results / "shots.json")
    known = [name for name in SHOWN if ("precision", f"all, {name}") in values]

    def line(what: str, measure: str, kind: str) -> list[str]:
        return [what, *(f"{values[measure, f'{kind}, {name}']:.2f}" for name in known)]

    lines = [line(f"{kind}, found", "recall", kind) for kind in (*TRANSITIONS, "all")]
    lines += [line("of what it finds, right", "precision", "all")]
    lines += [line(f"false cuts a minute: {kind}", "false cuts", kind) for kind in DISTRACTIONS]
    lines += [line(f"ms of CPU for a frame of {SIZE}", "time", SIZE)]
    return f"Rendered films that no threshold was chosen on, {date}:\n\n" + _table(
        ["", *(SHOWN[name] for name in known)], lines
    )


def _pairs(results: Path) -> str:
    values, date = _read(results / "shot-pairs.json")
    of = {name: (value, shape) for (name, shape), value in values.items()}
    columns = [(kind, name) for kind in ("objects", "motions") for name in ("imap", "gramcol")]
    lines = [
        [way, *(f"{of[f'AUC of {kind} by {name}, first shot: {way}'][0]:.3f}" for kind, name in columns)]
        for way in WAYS
    ]
    found, pairs = of["cuts found at their frame and nowhere else"]
    changed, _ = of["motion heads that a cut in the window changes"]
    false, clips = of["cuts found in clips of one shot"]
    return (
        f"Two shots of the demo's world in one window of the demo model, a hard cut in the middle, {pairs}, {date}. "
        f"AUC of the first shot:\n\n"
        + _table(["how it is read", *(f"{kind}, `{name}`" for kind, name in columns)], lines)
        + f"\n\nThe cut is found at its frame, and nowhere else, in {found:.0%} of the pairs. In the window it changes "
        f"{changed:.0%} of the motion heads. In {clips} of one shot, {false} cuts are found."
    )


def _film(results: Path) -> str:
    values, date = _read(results / "film.json")
    of = {name: (value, shape) for (name, shape), value in values.items()}
    ways = {name: value for name, (value, _) in of.items() if name.startswith("AUC")}
    aucs = "; ".join(
        f"`{name}` {ways[f'AUC of objects by {name}: film']:.3f} in the film, and "
        f"{ways[f'AUC of objects by {name}: shots one by one']:.3f} shot by shot"
        for name in ("imap", "gramcol")
    )
    same, windows = of["same bytes after 10 kills"]
    number, shape = of["shots found"]
    true, _ = of["true shots found, within a quarter of a dissolve"]
    growth, _ = of["peak of memory, film over quarter"]
    return (
        f"A film of three minutes at 24 frames a second, {shape}, {date}: {number} shots are found, {true} of them "
        f"true. AUC of objects: {aucs}. Its peak of memory is {growth:.2f} times that of its first quarter. After ten "
        f"kills (`SIGKILL`, at counted ones of {windows}) the bytes are {'the same' if same else 'others'}."
    )


def _stretch(results: Path) -> str:
    values, date = _read(results / "stretch.json")
    lines = [
        [shape.rpartition(", ")[2], figure(values["explain --start 0", shape], "s"), figure(value, "ratio")]
        for (name, shape), value in values.items()
        if name == "--start 59:00 over --start 0"
    ]
    return f"Three seconds of an hour at 24 frames a second, with the demo model, {date}:\n\n" + _table(
        ["file", "`imap-fast explain --start 0 --end 3`", "`--start 59:00` over it"], lines
    )

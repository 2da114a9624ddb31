"""The folder that a command fills: all its files appear together, or none."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import typer

from imap_fast.checkpoint import STATE, read_state, refuse_difference
from imap_fast.files import whole_file
from imap_fast.maps import SaliencyMaps
from imap_fast.video import Clip

FILES = {
    "maps.npz": "the maps, for SaliencyMaps.load",
    "overlay.mp4": "the video under each concept's heat",
    "grid.png": "frames across, concepts down",
    "run.json": "how they were made",
}
RECORD = "run.json"

UNFINISHED, MAPS, ASKED = ".unfinished", "maps", "asked.json"
"""In a results folder, while a run is under way or was cut off; and in that folder."""


class SomeFailed(Exception):
    """Of several videos; what was made of the others has been told."""


@contextmanager
def results_folder(folder: Path, names: Sequence[str], *, overwrite: bool) -> Iterator[Path]:
    """Give a hidden folder to write `names` into; they move to `folder` when the block ends without an exception.

    Entering finds out whether `folder` can be written, so that it happens before the work.

    Raises:
        ValueError: `folder` cannot be written, or holds one of `names` while `overwrite` is off.
    """
    present = [name for name in names if (folder / name).exists()]
    if present and not overwrite:
        raise ValueError(f"{folder} already holds {', '.join(present)}; pass --overwrite or another --output")
    is_new = not folder.exists()
    unfinished = folder / f".{uuid4().hex}"
    try:
        unfinished.mkdir(parents=True)
    except OSError as error:
        raise ValueError(f"--output {folder} cannot be written ({error.strerror}); give another") from error
    try:
        yield unfinished
        for name in names:
            os.replace(unfinished / name, folder / name)
        unfinished.rmdir()
    except BaseException:
        shutil.rmtree(folder if is_new else unfinished)
        raise


@contextmanager
def resumable_folder(
    folder: Path, names: Sequence[str], asked: dict[str, Any], *, overwrite: bool
) -> Iterator[Path | None]:
    """`results_folder` for a run that goes on where it was cut off; None where `folder` holds what it would give.

    The hidden folder has one name, and `MAPS` in it, a folder for `explain`. While that holds a window's maps, an
    exception leaves it for the next run with the same `asked`.

    Raises:
        ValueError: `folder` cannot be written, or holds something else and `overwrite` is off; the difference is named.
    """
    if not overwrite and already_done(folder, names, asked):
        yield None
        return
    is_new, unfinished = not folder.exists(), folder / UNFINISHED
    told, remedy = unfinished / ASKED, "pass --overwrite or another --output"
    try:
        if told.exists():
            before = json.loads(told.read_text())
            if overwrite and before != asked:
                shutil.rmtree(unfinished)
            refuse_difference(unfinished, before if unfinished.exists() else asked, asked, remedy)
        unfinished.mkdir(parents=True, exist_ok=True)
        with whole_file(told) as file:
            file.write_text(json.dumps(asked))
    except OSError as error:
        raise ValueError(f"--output {folder} cannot be written ({error.strerror}); give another") from error
    try:
        yield unfinished
        for name in names:
            os.replace(unfinished / name, folder / name)
        shutil.rmtree(unfinished)
    except BaseException:
        if (unfinished / MAPS / STATE).exists() and read_state(unfinished / MAPS).windows:
            typer.echo(f"imap-fast: what was done is kept; the same command goes on from there ({folder})", err=True)
        else:
            shutil.rmtree(folder if is_new else unfinished)
        raise


def already_done(folder: Path, names: Sequence[str], asked: dict[str, Any]) -> bool:
    """Whether `folder` holds the results of a run that was asked the same.

    Raises:
        ValueError: it holds others.
    """
    present = [name for name in names if (folder / name).exists()]
    if not present:
        return False
    remedy = "pass --overwrite or another --output"
    try:
        before = json.loads((folder / RECORD).read_text())["asked"]
    except (FileNotFoundError, ValueError, KeyError):
        before = None
    if len(present) < len(names) or before is None:
        raise ValueError(f"{folder} already holds {', '.join(present)}; {remedy}")
    refuse_difference(folder, before, asked, remedy)
    return True


def write_results(folder: Path, maps: SaliencyMaps, video: Clip | Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Write `FILES` into `folder`, and return what `run.json` says.

    Args:
        folder: of `results_folder`.
        maps: of one video.
        video: that the maps were read from.
        asked: what `run.json` is to say beside what came out.
    """
    maps.save(folder / "maps.npz")
    maps.save_overlay(folder / "overlay.mp4", video)
    maps.grid_figure(video).savefig(folder / "grid.png")
    record = asked | describe(maps)
    write_record(folder, record)
    return record


def describe(maps: SaliencyMaps) -> dict[str, Any]:
    """What maps are, but for their values, as JSON holds it."""
    return {
        "labels": maps.labels,
        "grid": maps.grid,
        "layers": maps.layers,
        "steps": maps.steps,
        "selected_heads": maps.selected_heads.tolist(),
        "settings": maps.settings,
    }


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write `run.json`."""
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n")


def tell(record: dict[str, Any], headline: str, folder: Path, files: dict[str, str], *, as_json: bool) -> None:
    """Say what was made: for a machine `record` and the files' paths, for a person a line for each file."""
    if as_json:
        typer.echo(json.dumps(record | {"files": {name: str(folder / name) for name in files}}))
        return
    typer.echo(headline)
    longest = max(map(len, files))
    for name, meaning in files.items():
        typer.echo(f"  {folder / name}{' ' * (longest - len(name))}  {meaning}")

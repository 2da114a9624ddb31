"""The folder that a command fills: all its files appear together, or none of them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import typer

from imap_fast.explaining.run_options import refuse_other_options
from imap_fast.files import atomic_write

if TYPE_CHECKING:
    from imap_fast.maps.saliency_maps import SaliencyMaps
    from imap_fast.video.clip import Clip

FILES = {
    "maps.npz": "the maps, for SaliencyMaps.load",
    "overlay.mp4": "the video under the heatmap of each concept",
    "grid.png": "frames across, concepts down",
    "run.json": "how they were made",
}
RECORD = "run.json"

UNFINISHED, MAPS, OPTIONS = ".unfinished", "maps", "options.json"
"""The hidden folder of a run that is not finished; its folder for `explain`, and its options."""

REMEDY = "pass --overwrite or another --output"


class SomeFailed(Exception):
    """Some of several inputs failed. The results of the others are already printed."""


@contextmanager
def results_folder(folder: Path, names: Sequence[str], *, overwrite: bool) -> Iterator[Path]:
    """Yield a hidden folder to write `names` into. They move to `folder` if the block ends without an exception.

    Whether `folder` can be written is checked at the start, before the work.

    Raises:
        ValueError: `folder` cannot be written, or it holds one of `names` and `overwrite` is off.
    """
    existing = [name for name in names if (folder / name).exists()]
    if existing and not overwrite:
        raise ValueError(f"{folder} already holds {', '.join(existing)}; {REMEDY}")
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
def resumable_folder(folder: Path, names: Sequence[str], options: dict[str, Any], *, overwrite: bool) -> Iterator[Path]:
    """`results_folder` for a run that can resume after an interruption.

    The hidden folder always has the same name. It contains `MAPS`, a folder for `explain`. If that folder holds a
    finished window, an exception leaves it for the next run with the same options.

    Raises:
        ValueError: `folder` cannot be written, or it holds a run with other options and `overwrite` is off.
    """
    is_new, unfinished = not folder.exists(), folder / UNFINISHED
    options_file = unfinished / OPTIONS
    try:
        if unfinished.exists():
            before = json.loads(options_file.read_text()) if options_file.exists() else None
            if before is None or (overwrite and before != options):
                shutil.rmtree(unfinished)
            else:
                refuse_other_options(unfinished, before, options, REMEDY)
        unfinished.mkdir(parents=True, exist_ok=True)
        with atomic_write(options_file) as temporary:
            temporary.write_text(json.dumps(options))
    except OSError as error:
        raise ValueError(f"--output {folder} cannot be written ({error.strerror}); give another") from error
    try:
        yield unfinished
        for name in names:
            os.replace(unfinished / name, folder / name)
        shutil.rmtree(unfinished)
    except BaseException:
        if _has_windows(unfinished / MAPS):
            typer.echo(f"imap-fast: finished windows are kept; the same command resumes ({folder})", err=True)
        else:
            shutil.rmtree(folder if is_new else unfinished)
        raise


def _has_windows(folder: Path) -> bool:
    from imap_fast.maps.run_folder import STATE, read_state

    return (folder / STATE).exists() and read_state(folder).windows > 0


def already_done(folder: Path, names: Sequence[str], options: dict[str, Any]) -> bool:
    """Whether `folder` holds the results of a run with the same options.

    Raises:
        ValueError: it holds other results.
    """
    existing = [name for name in names if (folder / name).exists()]
    if not existing:
        return False
    try:
        before = json.loads((folder / RECORD).read_text())["options"]
    except (FileNotFoundError, ValueError, KeyError):
        before = None
    if len(existing) < len(names) or before is None:
        raise ValueError(f"{folder} already holds {', '.join(existing)}; {REMEDY}")
    refuse_other_options(folder, before, options, REMEDY)
    return True


def write_results(folder: Path, maps: SaliencyMaps, video: Clip | Path, record: dict[str, Any]) -> dict[str, Any]:
    """Write `FILES` into `folder`, and return the content of `run.json`.

    Args:
        folder: from `results_folder`.
        maps: of one video.
        video: the video that the maps were read from.
        record: what `run.json` contains besides the facts about the maps.
    """
    maps.save(folder / "maps.npz")
    maps.save_overlay(folder / "overlay.mp4", video)
    maps.grid_figure(video).savefig(folder / "grid.png")
    record = record | facts(maps)
    write_record(folder, record)
    return record


def facts(maps: SaliencyMaps) -> dict[str, Any]:
    """Everything about maps except their values, as JSON values."""
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


def print_results(record: dict[str, Any], headline: str, folder: Path, files: dict[str, str], *, as_json: bool) -> None:
    """Print what was made: as JSON the record and the paths of the files, as text one line for each file."""
    if as_json:
        typer.echo(json.dumps(record | {"files": {name: str(folder / name) for name in files}}))
        return
    typer.echo(headline)
    longest = max(map(len, files))
    for name, meaning in files.items():
        typer.echo(f"  {folder / name}{' ' * (longest - len(name))}  {meaning}")

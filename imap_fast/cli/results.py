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

from imap_fast.maps import SaliencyMaps
from imap_fast.video import Clip

FILES = {
    "maps.npz": "the maps, for SaliencyMaps.load",
    "overlay.mp4": "the video under each concept's heat",
    "grid.png": "frames across, concepts down",
    "run.json": "how they were made",
}


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


def write_results(folder: Path, maps: SaliencyMaps, clip: Clip, asked: dict[str, Any]) -> dict[str, Any]:
    """Write `FILES` into `folder`, and return what `run.json` says.

    Args:
        folder: of `results_folder`.
        maps: of one video.
        clip: that the maps were read from.
        asked: what `run.json` is to say beside what came out.
    """
    maps.save(folder / "maps.npz")
    maps.overlay(clip).save(folder / "overlay.mp4")
    maps.grid_figure(clip).savefig(folder / "grid.png")
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
    (folder / "run.json").write_text(json.dumps(record, indent=2) + "\n")


def tell(record: dict[str, Any], headline: str, folder: Path, files: dict[str, str], *, as_json: bool) -> None:
    """Say what was made: for a machine `record` and the files' paths, for a person a line for each file."""
    if as_json:
        typer.echo(json.dumps(record | {"files": {name: str(folder / name) for name in files}}))
        return
    typer.echo(headline)
    longest = max(map(len, files))
    for name, meaning in files.items():
        typer.echo(f"  {folder / name}{' ' * (longest - len(name))}  {meaning}")

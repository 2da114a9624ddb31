"""The folder that a command fills: all its files appear together, or none of them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from imap_fast.cli.commit import BEFORE, commit_run, finish_commit
from imap_fast.cli.json_object import read_object
from imap_fast.cli.record import NOT_WRITTEN, RECORD, verified_record
from imap_fast.cli.streams import complain
from imap_fast.explaining.run_options import refuse_other_options
from imap_fast.files import LOCK, atomic_write, locked

if TYPE_CHECKING:
    from imap_fast.maps.saliency_maps import SaliencyMaps

FILES = {
    "maps.npz": "the maps, for SaliencyMaps.load",
    "overlay.mp4": "the video under the heatmap of each concept",
    "grid.png": "frames across, concepts down",
    RECORD: "how they were made",
}

TRACK_FILES = {
    "tracks.csv": "where each region is in each frame",
    "tracks.json": "the same, as JSON",
}
"""The files of a run with regions."""

UNFINISHED, MAPS, OPTIONS = ".unfinished", "maps", "options.json"
"""The hidden folder of a run that is not finished; its folder for `explain`, and its options."""

NEW = ".new"
"""The hidden folder of new files that no run resumes from."""

REMEDY = "pass --overwrite or another --output"


class SomeFailed(Exception):
    """Some of several inputs or files failed. The results of the others are already printed.

    Args:
        args: what is still to be said of it, if anything.
    """


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder inside the `with` block. The folder is created, and removed if it is empty.

    Raises:
        ValueError: another process works in `folder`, or it cannot be written.
    """
    is_new = not folder.exists()
    with ExitStack() as held:
        try:
            held.enter_context(locked(folder))
        except OSError as error:
            raise ValueError(f"--output {folder} cannot be written ({error.strerror}); give another") from error
        try:
            yield
        finally:
            with suppress(OSError):  # Windows removes no open file
                (folder / LOCK).unlink()  # while it is held: a process that has just opened it sees that it is gone
            if is_new:
                with suppress(OSError):  # there are files in it
                    folder.rmdir()


@contextmanager
def results_folder(folder: Path, names: Sequence[str], *, overwrite: bool) -> Iterator[Path]:
    """Yield a hidden folder to write files and their record into. They move to `folder` if the block ends without an
    exception.

    Whether `folder` can be written is checked at the start, before the work.

    Raises:
        ValueError: `folder` cannot be written, another process writes to it, or it holds one of `names` and `overwrite`
            is off.
    """
    with working_in(folder):
        finish_commit(folder / NEW, folder)
        refuse_existing(folder, names, overwrite=overwrite)
        with new_files(folder) as new:
            yield new


@contextmanager
def new_files(folder: Path) -> Iterator[Path]:
    """Yield a hidden folder to write files and their record into, for the process that holds the lock of `folder`.

    They move to `folder` if the block ends without an exception.
    """
    new = folder / NEW
    shutil.rmtree(new, ignore_errors=True)  # of a process that died
    new.mkdir()
    try:
        yield new
        commit_run(new, folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


@contextmanager
def resumable_folder(
    folder: Path,
    names: Sequence[str],
    options: dict[str, Any],
    *,
    overwrite: bool,
    kept: Callable[[Path], str | None] | None = None,
) -> Iterator[Path]:
    """`results_folder` for a run that can resume after an interruption.

    The hidden folder always has the same name. An exception leaves it for the next run with the same options if there
    is something to go on from.

    Args:
        folder: for the results.
        names: of the files that must not be there without `overwrite`.
        options: of the run, as JSON values.
        overwrite: whether other results are replaced.
        kept: says what the next run goes on from, such as "finished windows", in the hidden folder. None of it: None.
            By default, the windows of `explain` in the folder `MAPS`.

    Raises:
        ValueError: as in `results_folder`, or `folder` holds an unfinished run with other options and `overwrite` is
            off.
    """
    with working_in(folder):
        unfinished = folder / UNFINISHED
        _finish_commits(folder)
        refuse_existing(folder, names, overwrite=overwrite)
        if not _is_resumable(unfinished, options, overwrite=overwrite):
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            with atomic_write(unfinished / OPTIONS) as temporary:
                temporary.write_text(json.dumps(options))
        try:
            yield unfinished
            commit_run(unfinished, folder)
        except BaseException:
            if what := (kept or _finished_windows)(unfinished):
                complain(f"{what} are kept; the same command resumes ({folder})")
            else:
                shutil.rmtree(unfinished, ignore_errors=True)
            raise
        shutil.rmtree(unfinished, ignore_errors=True)


def _finish_commits(folder: Path) -> None:
    """Finish the commits of processes that died, and remove what no run resumes from. Hold the lock of `folder`."""
    for hidden in (UNFINISHED, NEW):
        finish_commit(folder / hidden, folder)
    shutil.rmtree(folder / NEW, ignore_errors=True)


def refuse_existing(folder: Path, names: Iterable[str], *, overwrite: bool) -> None:
    """Raise ValueError if a folder holds one of these files and `overwrite` is off, or something that is no file."""
    existing = [name for name in names if (folder / name).exists()]
    if existing and not overwrite:
        raise ValueError(f"{folder} already holds {', '.join(existing)}; {REMEDY}")
    for name in existing:
        if not (folder / name).is_file():
            raise ValueError(f"{folder / name} is not a regular file, and is not replaced; give another --output")


def _is_resumable(unfinished: Path, options: dict[str, Any], *, overwrite: bool) -> bool:
    """Whether a hidden folder holds an unfinished run with these options. With `overwrite`, another one is none.

    Raises:
        ValueError: it holds another run, or its options are damaged, and `overwrite` is off.
    """
    if not (unfinished / OPTIONS).exists():
        return False
    try:
        before = read_object(unfinished / OPTIONS, REMEDY)
        refuse_other_options(unfinished, before, options, REMEDY)
    except ValueError:
        if not overwrite:
            raise
        return False
    return True


def _finished_windows(unfinished: Path) -> str | None:
    from imap_fast.maps.run_folder import STATE, read_state

    folder = unfinished / MAPS
    try:
        is_there = (folder / STATE).exists() and read_state(folder).windows > 0
    except ValueError:  # damaged: it is left for the next run to report
        is_there = True
    return "finished windows" if is_there else None


def finished_record(folder: Path, names: Sequence[str], options: dict[str, Any]) -> dict[str, Any] | None:
    """The record in `folder` if it holds the results of a run with the same options, exactly as they were written.

    None: it holds no results.

    Raises:
        ValueError: it holds other results, or damaged ones.
    """
    if any((folder / hidden / BEFORE).exists() for hidden in (UNFINISHED, NEW)):
        with working_in(folder):
            _finish_commits(folder)
    existing = [name for name in names if (folder / name).exists()]
    if not existing:
        return None
    if RECORD not in existing:
        raise ValueError(f"{folder} already holds {', '.join(existing)}; {REMEDY}")
    record = verified_record(folder)
    refuse_other_options(folder, record.get("options", {}), options, REMEDY)
    return record


def facts(maps: SaliencyMaps) -> dict[str, Any]:
    """Everything about maps except their values, as JSON values."""
    return {
        "labels": maps.labels,
        "grid": maps.grid,
        "layers": maps.layers,
        "steps": maps.steps,
        "selected_heads": maps.selected_heads.tolist(),
        "agreement": _agreements(maps),
        "settings": maps.settings,
    }


def _agreements(maps: SaliencyMaps) -> dict[str, dict[str, float]] | None:
    """How sure each map of each concept is, or None if it is unknown."""
    if maps.agreements is None:
        return None
    return {
        name: dict(zip(maps.labels_of(name), agreement.tolist(), strict=True))
        for name, agreement in maps.agreements.items()
    }


def sureness(maps: SaliencyMaps) -> str:
    """How sure the map of each concept is, in a few words."""
    if maps.agreement is None:
        return "agreement unknown"
    least, most = (f"{value:.2f}" for value in (maps.agreement.min().item(), maps.agreement.max().item()))
    return f"agreement {least}" if least == most else f"agreement {least} to {most}"


def shots_and_rate(maps: SaliencyMaps) -> str:
    """How many shots a video has, and how many of its frames passed the model, if not all did."""
    count, read = len(maps.shots), maps.settings["video"]
    shots = "1 shot" if count == 1 else f"{count} shots"
    return (
        shots if read["passed_fps"] is None else f"{shots}, {read['passed_fps']:g} of {read['fps']:g} frames a second"
    )


def warn_of_doubts(maps: SaliencyMaps, video: str = "") -> None:
    """Say on stderr which concepts have maps that are not sure, if any; and of which of several videos."""
    from imap_fast.maps.doubts import doubts

    if (warning := doubts(maps, "--noises ")) is not None:
        complain(f"{video}: {warning}" if video else warning)


def path_from(folder: Path, file: Path) -> str:
    """The path of a file relative to a results folder, so that both can move together.

    Links among the folders are followed, because `..` of a link is the folder that it leads to.
    """
    return os.path.relpath(os.path.join(os.path.realpath(file.parent), file.name), os.path.realpath(folder))


def print_results(record: dict[str, Any], headline: str, folder: Path, files: dict[str, str], *, as_json: bool) -> None:
    """Print what was made: as JSON the record and the paths of the files, as text one line for each file."""
    files = {name: meaning for name, meaning in files.items() if name not in record.get(NOT_WRITTEN, {})}
    if as_json:
        typer.echo(json.dumps(record | {"files": {name: str(folder / name) for name in files}}))
        return
    typer.echo(headline)
    longest = max(map(len, files))
    for name, meaning in files.items():
        typer.echo(f"  {folder / name}{' ' * (longest - len(name))}  {meaning}")


def complain_of(not_written: Mapping[Path, str], remedy: str) -> None:
    """Name each file on stderr that could not be written, with the reason and the remedy."""
    for file, reason in not_written.items():
        complain(f"{file} was not written ({reason}); {remedy}")


def end_incomplete(not_written: Mapping[Path, str], remedy: str) -> None:
    """Name the files that could not be written, and raise `SomeFailed`, if there are any."""
    complain_of(not_written, remedy)
    if not_written:
        raise SomeFailed


def not_written_of(folder: Path, record: dict[str, Any]) -> dict[Path, str]:
    """The files of a run that could not be written, with the reasons."""
    return {folder / name: reason for name, reason in record.get(NOT_WRITTEN, {}).items()}

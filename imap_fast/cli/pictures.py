"""What a run leaves of maps: the maps, and pictures of them. If a picture cannot be written, everything else is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imap_fast.cli.record import NOT_WRITTEN, RECORD, verified_record, write_record
from imap_fast.cli.results import FILES, TRACK_FILES, facts, new_files, working_in
from imap_fast.files import write_each

if TYPE_CHECKING:
    from imap_fast.maps.saliency_maps import SaliencyMaps
    from imap_fast.video.clip import Clip

Writers = Mapping[str, Callable[[Path], object]]
"""What writes each file to a path, by its name."""

TAKEN = "a file in its place is not of this run; move or remove it"
"""Why a picture is not drawn that somebody else drew in the meantime."""


def pictures(maps: SaliencyMaps, video: Callable[[], Clip | Path], fps: float | None = None) -> Writers:
    """The writers of the pictures of maps.

    Args:
        maps: of one video.
        video: gives the video that the maps were read from. It may fail: that is a failure of the picture.
        fps: of a generated video.
    """
    writers: dict[str, Callable[[Path], object]] = {
        "overlay.mp4": lambda path: maps.save_overlay(path, video()),
        "grid.png": lambda path: maps.grid_figure(video()).savefig(path),
    }
    if maps.regions:
        writers |= dict.fromkeys(TRACK_FILES, lambda path: maps.tracks(video(), fps=fps).save(path))
    return writers


def write_results(
    folder: Path, maps: SaliencyMaps, writers: Writers, record: dict[str, Any], names: Iterable[str] = FILES
) -> dict[str, Any]:
    """Write the maps, then what can be written of the rest, then `run.json`, whose content is returned.

    Args:
        folder: from `results_folder`.
        maps: of one video.
        writers: of pictures and of other files that the run can do without.
        record: what `run.json` contains besides the facts about the maps.
        names: of all files of the run.
    """
    maps.save(folder / "maps.npz")
    not_written = write_each(folder, writers)
    written = [name for name in names if name != RECORD and name not in not_written]
    return write_record(folder, record | facts(maps) | {NOT_WRITTEN: not_written}, written)


def draw_missing(folder: Path, record: dict[str, Any], video: Callable[[], Clip | Path]) -> dict[str, Any]:
    """Draw the pictures that a finished run lacks from its maps, and return its new record.

    Then the folder is what it would be without the failure. A picture may fail again. If a file of somebody else is in
    the place of one, nothing is drawn, because new files of a run replace what is there. The record says which it is.

    Args:
        folder: of the run.
        record: from `verified_record`.
        video: as in `pictures`.

    Raises:
        ValueError: `folder` has changed since.
        OSError: it cannot be written.
    """
    from imap_fast.maps.saliency_maps import SaliencyMaps

    with working_in(folder):
        if verified_record(folder) != record:
            raise ValueError(f"{folder} was changed by another process; run again")
        if taken := {name: TAKEN for name in record[NOT_WRITTEN] if (folder / name).exists()}:
            return write_record(folder, record | {NOT_WRITTEN: record[NOT_WRITTEN] | taken}, [])
        writers = pictures(SaliencyMaps.load(folder / "maps.npz"), video)
        missing = {name: write for name, write in writers.items() if name in record[NOT_WRITTEN]}
        with new_files(folder) as new:
            not_written = write_each(new, missing)
            drawn = [name for name in missing if name not in not_written]
            return write_record(new, record | {NOT_WRITTEN: not_written}, drawn)

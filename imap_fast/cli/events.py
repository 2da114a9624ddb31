"""`imap-fast events`: when the concepts of a finished run are active."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from imap_fast.cli import options
from imap_fast.cli.record import RECORD, verified_record
from imap_fast.cli.runs import video_of
from imap_fast.cli.streams import complain, one_line
from imap_fast.maps.names import ALL_MAPS
from imap_fast.report.file_time import file_time

if TYPE_CHECKING:
    from imap_fast.events.events import Events
    from imap_fast.maps.saliency_maps import SaliencyMaps

FILES = {
    "events.json": "all that is known",
    "events.csv": "a row for each event",
    "events.vtt": "subtitles of the video",
}


def events(
    run: Annotated[Path, typer.Argument(help="The folder of a run, or a file of maps.", show_default=False)],
    video: Annotated[
        Path | None,
        typer.Option(
            help="The generated video of a file of maps, which tells its times; or that of a run, if it was moved.",
            metavar="FILE",
        ),
    ] = None,
    map: Annotated[
        str | None,
        typer.Option(help=f"One of {', '.join(ALL_MAPS)}. Default: the one that shows each concept.", metavar="NAME"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the files. Default: that of the maps.", metavar="FOLDER")
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
) -> None:
    """Find when each concept is active, in seconds of the video.

    Writes events.json, events.csv and events.vtt, and prints a table.
    """
    folder, file = (run, run / "maps.npz") if run.is_dir() else (run.parent, run)
    if not run.exists():
        raise ValueError(f"{run}: no such file or folder; give the folder of a run, or a file of maps")
    if not file.exists():
        raise ValueError(f"{run} holds no maps.npz; give the folder of a run, or a file of maps")
    if map is not None and map not in ALL_MAPS:
        raise typer.BadParameter(f"{map!r} is unknown; choose from {', '.join(ALL_MAPS)}", param_hint="--map")
    output = output or folder
    if output.exists() and not output.is_dir():
        raise ValueError(f"--output {output} is a file; give the path of a folder")
    for name in FILES:
        if (output / name).exists() and not overwrite:
            raise ValueError(f"{output / name} already exists; pass --overwrite or another --output")
    record: dict[str, Any] = {}
    if file.name == "maps.npz" and (folder / RECORD).exists():
        record = verified_record(folder)  # the maps are those of this run
    from imap_fast.maps.saliency_maps import SaliencyMaps

    maps = SaliencyMaps.load(file)
    if map is not None and map not in maps.maps:
        reason = f"{file} holds no {map}; choose from {', '.join(maps.maps)}"
        raise typer.BadParameter(reason, param_hint="--map")
    found = _events(maps, folder, record if run.is_dir() else {}, video, map)
    has_times = all(event.start is not None for event in found)
    for name in FILES:
        if has_times or name != "events.vtt":
            found.save(output / name)
        else:
            (output / name).unlink(missing_ok=True)  # of earlier maps
            complain(f"{output / name} was not written: nobody knows the times of this video; pass it with --video")
    written = {name: meaning for name, meaning in FILES.items() if (output / name).exists()}
    if as_json:
        files = {name: str(output / name) for name in written}
        typer.echo(json.dumps({"command": "events", **found.record(), "files": files}))
        return
    Console(highlight=False).print(_table(found))
    for name, meaning in written.items():
        typer.echo(f"{output / name}{' ' * (len('events.json') - len(name))}  {meaning}")


def _events(maps: SaliencyMaps, folder: Path, record: dict[str, Any], video: Path | None, map: str | None) -> Events:
    """The events, with the times of the video if it is known which one it is."""
    if "video" in maps.settings:
        if video is not None:
            maps.source_video(video)  # raises if it is another one
        return maps.events(map=map)
    video = video_of(folder, record, "give its path with --video", video) if record else video
    if video is None:
        return maps.events(map=map)
    from imap_fast.video.read import read_clip

    clip = read_clip(video)
    return maps.events(map=map, num_frames=len(clip.frames), fps=clip.fps)


def _table(found: Events) -> Table:
    """A row for each event in the order of the concepts, and one for each concept that is steady."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("concept", overflow="fold")
    for heading in ("from", "to", "frames", "confidence"):
        table.add_column(heading, justify="right")
    for label in found.labels:
        name = Text(one_line(label))
        for event in found.of(label):
            times = ["–" if each is None else file_time(each) for each in (event.start, event.end)]
            frames = f"{event.first_frame}–{event.last_frame}"
            table.add_row(name, *times, frames, f"{event.confidence:.2f}")
        if label in found.steady:
            table.add_row(name, Text("steady", "dim"))
    return table

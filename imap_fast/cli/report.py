"""`imap-fast report`: a finished run as one HTML page."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from imap_fast.cli import options
from imap_fast.cli.progress import progress
from imap_fast.cli.record import RECORD, verified_record
from imap_fast.cli.runs import video_of


def report(
    run: Annotated[Path, typer.Argument(help="The folder of a run, or a file of maps.", show_default=False)],
    video: Annotated[
        Path | None, typer.Option(help="The video, if the run does not name it or it was moved.", metavar="FILE")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="The page. Default: report.html next to the maps.", metavar="FILE")
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
) -> None:
    """Show a run as one HTML page: the video under its maps, timelines, heads and settings.

    The page is one file that needs no network.
    """
    folder, file = (run, run / "maps.npz") if run.is_dir() else (run.parent, run)
    if not run.exists():
        raise ValueError(f"{run}: no such file or folder; give the folder of a run, or a file of maps")
    if not file.exists():
        raise ValueError(f"{run} holds no maps.npz; give the folder of a run, or a file of maps")
    output = output or folder / "report.html"
    if output.is_dir():
        raise ValueError(f"--output {output} is a folder; give the path of the page")
    if output.exists() and not overwrite:
        raise ValueError(f"{output} already exists; pass --overwrite or another --output")
    record: dict[str, Any] = {}
    if run.name == "maps.npz" and (folder / RECORD).exists():
        verified_record(folder)  # the maps are those of this run
    if run.is_dir():
        record = verified_record(folder)
        video = video_of(folder, record, "give its path with --video", video)
    facts = record if video is None else record | {"video": str(video)}
    from imap_fast.maps.saliency_maps import SaliencyMaps

    with progress(Console(stderr=True), "writing the report"):
        SaliencyMaps.load(file).report(output, video, facts)
    if as_json:
        typer.echo(json.dumps({"command": "report", "files": {"report": str(output)}}))
    else:
        typer.echo(f"{output}  {output.stat().st_size / 1e6:.1f} MB; open it in a browser")

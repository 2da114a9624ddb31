"""`imap-fast report`: a finished run as one page to look at."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from imap_fast.cli import options
from imap_fast.cli.progress import progress
from imap_fast.cli.runs import record_of, video_of
from imap_fast.maps import SaliencyMaps


def report(
    run: Annotated[Path, typer.Argument(help="The folder of a run, or a file of maps.", show_default=False)],
    video: Annotated[
        Path | None, typer.Option(help="The video, where the run does not say or it has moved.", metavar="FILE")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="The page; else report.html beside the maps.", metavar="FILE")
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
) -> None:
    """Show a run as one HTML page: the video under its maps, when, which heads, and how it was made.

    The page holds everything, opens without a network, and can be passed on.
    """
    folder, file = (run, run / "maps.npz") if run.is_dir() else (run.parent, run)
    if not file.exists():
        raise ValueError(f"{run} holds no maps.npz; give the folder that imap-fast wrote, or a file of maps")
    output = output or folder / "report.html"
    if output.exists() and not overwrite:
        raise ValueError(f"{output} is already there; pass --overwrite or another --output")
    maps = SaliencyMaps.load(file)
    record = record_of(folder) if run.is_dir() else {}
    video = video or video_of(folder, record, "say where it is with --video")
    if video is not None:
        record["video"] = video.name  # not its path: the page is there to be passed on
    with progress(Console(stderr=True), "writing the report"):
        maps.report(output, video, record)
    if as_json:
        typer.echo(json.dumps({"command": "report", "files": {"report": str(output)}}))
    else:
        typer.echo(f"{output}  {output.stat().st_size / 1e6:.1f} MB; open it in a browser")

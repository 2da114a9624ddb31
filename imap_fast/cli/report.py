"""`imap-fast report`: a finished run as one page to look at."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from imap_fast.cli import options
from imap_fast.cli.progress import progress
from imap_fast.maps import SaliencyMaps

OWN_VIDEOS = ("video.mp4", "clip.mp4")
"""What commands call a video that they made themselves."""


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
    record = _record(folder / "run.json") if run.is_dir() else {}
    video = video or _video_of(folder, record)
    if video is not None:
        record["video"] = video.name  # not its path: the page is there to be passed on
    with progress(Console(stderr=True), "writing the report"):
        maps.report(output, video, record)
    if as_json:
        typer.echo(json.dumps({"command": "report", "files": {"report": str(output)}}))
    else:
        typer.echo(f"{output}  {output.stat().st_size / 1e6:.1f} MB; open it in a browser")


def _record(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        record = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}); restore it, or move it away to do without") from error
    if not isinstance(record, dict):
        raise ValueError(f"{path} does not hold an object; restore it, or move it away to do without")
    return record


def _video_of(folder: Path, record: dict[str, Any]) -> Path | None:
    """The video of a run: made by it, or named by it; None where neither is known."""
    for name in OWN_VIDEOS:
        if (folder / name).exists():
            return folder / name
    if "video" not in record:
        return None
    named = Path(str(record["video"]))
    if not named.exists():
        raise ValueError(f"{named}, the video of this run, is not there any more; say where it is with --video")
    return named

"""`imap-fast compare`: two runs on one video, side by side."""

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
from imap_fast.cli.progress import progress
from imap_fast.cli.record import RECORD, verified_record
from imap_fast.cli.runs import video_of
from imap_fast.cli.streams import one_line
from imap_fast.files import sha256_of
from imap_fast.maps.names import ALL_MAPS
from imap_fast.masks.threshold import OTSU_TWICE, check_threshold
from imap_fast.text.distinct import distinct

if TYPE_CHECKING:
    from imap_fast.comparing.comparison import Comparison

MAPS = "maps.npz"
HEADINGS = ("correlation", "mask IoU", "time IoU")
UNKNOWN = "–"
"""A number that nobody can say."""


def compare(
    run: Annotated[Path, typer.Argument(help="The folder of a run, or a file of maps.", show_default=False)],
    other: Annotated[Path, typer.Argument(help="Another one of the same video.", show_default=False)],
    video: Annotated[
        Path | None, typer.Option(help="The video, if the runs do not name it or it was moved.", metavar="FILE")
    ] = None,
    map: Annotated[
        str | None, typer.Option(help="The map to compare. Default: the one that is shown.", metavar="NAME")
    ] = None,
    threshold: Annotated[
        str,
        typer.Option(
            help="Of the masks: otsu-twice, otsu, a percentile such as 90%, or a number from 0 to 1.", metavar="T"
        ),
    ] = OTSU_TWICE,
    output: Annotated[Path, typer.Option(help="The page.", metavar="FILE")] = Path("imap-compare.html"),
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
) -> None:
    """Compare two runs on one video: their maps side by side, and how much maps, masks and events agree.

    Writes one page that needs no network, and prints a table. The runs are of two checkpoints, seeds or settings.
    """
    if map is not None and map not in ALL_MAPS:
        raise typer.BadParameter(f"{map!r} is unknown; choose from {', '.join(ALL_MAPS)}", param_hint="--map")
    checked = check_threshold(threshold)
    if output.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--output {output} does not end in .html; name it so")
    if output.is_dir():
        raise ValueError(f"--output {output} is a folder; give the path of the page")
    if output.exists() and not overwrite:
        raise ValueError(f"{output} already exists; pass --overwrite or another --output")
    if video is not None and not video.is_file():
        raise ValueError(f"--video {video}: no such file; give the video that the maps were read from")
    files, records, videos = zip(*(_opened(each, video) for each in (run, other)), strict=True)
    _refuse_other_videos(videos)
    from imap_fast.comparing.compare import compare as compare_maps
    from imap_fast.maps.saliency_maps import SaliencyMaps

    with progress(Console(stderr=True), "comparing the runs"):
        names = distinct((each.resolve().name or "run") if each.is_dir() else each.stem for each in (run, other))
        shown = next((each for each in videos if each is not None), None)
        first, second = (SaliencyMaps.load(file) for file in files)
        comparison = compare_maps(first, second, shown, map=map, threshold=checked, names=names, runs=records)
        comparison.report(output)
    if as_json:
        found = {"command": "compare", **comparison.record(), "files": {"page": str(output)}}
        typer.echo(json.dumps(found, allow_nan=False))
        return
    Console(highlight=False).print(_table(comparison))
    for name, labels in zip(names, comparison.left_out, strict=True):
        if labels:
            typer.echo(f"not compared, only in {name}: {one_line(', '.join(labels))}")
    typer.echo(f"{output}  {output.stat().st_size / 1e6:.1f} MB; open it in a browser")


def _opened(run: Path, video: Path | None) -> tuple[Path, dict[str, Any], Path | None]:
    """The file of maps of a run, its record, which is empty for a file, and its video, if it is known."""
    folder, file = (run, run / MAPS) if run.is_dir() else (run.parent, run)
    if not run.exists():
        raise ValueError(f"{run}: no such file or folder; give the folder of a run, or a file of maps")
    if not file.exists():
        raise ValueError(f"{run} holds no maps.npz; give the folder of a run, or a file of maps")
    if not run.is_dir():
        if file.name == MAPS and (folder / RECORD).exists():
            verified_record(folder)  # the maps are those of this run
        return file, {}, video
    record = verified_record(folder)
    return file, record, video_of(folder, record, "give its path with --video", video)


def _refuse_other_videos(videos: tuple[Path | None, ...]) -> None:
    first, second = videos
    if first is not None and second is not None and first != second and sha256_of(first) != sha256_of(second):
        one, two = first.resolve(), second.resolve()
        raise ValueError(f"the two runs are of different videos, {one} and {two}; give two runs of one video")


def _table(comparison: Comparison) -> Table:
    """A row for each concept."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("concept", overflow="fold")
    table.add_column("map")
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    is_known = any((each.agreement, each.agreement_of_other) != (None, None) for each in comparison.concepts.values())
    if is_known:
        table.add_column("agreement", justify="right")
    for label, concept in comparison.concepts.items():
        numbers = [_number(each) for each in (concept.correlation, concept.iou, concept.temporal_iou)]
        if is_known:
            numbers.append(f"{_number(concept.agreement)}, {_number(concept.agreement_of_other)}")
        table.add_row(Text(one_line(label)), concept.map, *numbers)
    return table


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f}"

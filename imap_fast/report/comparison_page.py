"""Writes the page of two runs: the video under the maps of both, their curves, and how much they agree."""

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import Any

from imap_fast.events.detect import curves_over_time, detect
from imap_fast.render.heatmap import COLOURS
from imap_fast.render.palette import BRIGHT, DEEP
from imap_fast.report.comparison import ComparedRun, ComparisonData
from imap_fast.report.html import PLAYER
from imap_fast.report.meanings import meaning, meaning_by_concept
from imap_fast.report.page_content import colour_table, mask_id, plane_id
from imap_fast.report.page_file import Block, Layout, bytes_block, check_suffix, file_block, json_block, write_page
from imap_fast.report.planes import pack, pack_mask
from imap_fast.report.video import EmbeddedVideo, embed_video
from imap_fast.text.distinct import distinct
from imap_fast.text.model_name import model_name
from imap_fast.version import __version__

COMPARISON = Layout(
    "Two runs, side by side",
    "Runs",
    "compare_sections.html",
    "compare_help.html",
    (*PLAYER, "compare_tables", "compare_main"),
)

NAMED_BY_PATH = {"model": model_name, "video": lambda path: PureWindowsPath(path).name}
"""Settings whose folders the page leaves out, because people pass it on."""


def write_comparison(path: str | os.PathLike, data: ComparisonData) -> None:
    """Write the page of two runs; see `imap_fast.comparing.comparison.Comparison.report`."""
    path = check_suffix(path)
    with TemporaryDirectory() as folder:
        write_page(path, COMPARISON, data.threshold, _blocks(data, Path(folder)))


def _blocks(data: ComparisonData, folder: Path) -> Iterator[Block]:
    height, width = data.shown_size
    embedded = embed_video(data.video, {"num_frames": data.num_frames, "height": height, "width": width}, folder)
    yield json_block("content", _content(data, embedded))
    yield file_block("video", embedded.file)
    for number, run in enumerate(data.runs):
        latents = run.data.time.latents_of_shots(run.data.grid[0])
        for concept, (label, name) in enumerate(data.maps.items()):
            values = run.values(label, name)
            yield bytes_block(plane_id(number, concept), pack(values))
            yield bytes_block(mask_id(number, concept), pack_mask(values, latents, data.threshold))


def _content(data: ComparisonData, video: EmbeddedVideo) -> dict[str, Any]:
    """The content of the page as JSON values."""
    first = data.runs[0].data
    names = distinct(run.name for run in data.runs)
    return {
        "version": __version__,
        "title": first.title,
        "compares": True,
        "video": {"frames": video.num_frames, "fps": video.fps, "height": video.height, "width": video.width},
        "cuts": first.time.cuts,
        "shots": first.shots,
        "threshold": str(data.threshold),
        "maps": [
            {"name": name, "is_second": number > 0, **_run(data, run, number, video)}
            for number, (name, run) in enumerate(zip(names, data.runs, strict=True))
        ],
        "colours": {"heat": colour_table(COLOURS), "bright": BRIGHT, "deep": DEEP},
        "numbers": [{"label": label, **numbers} for label, numbers in data.numbers.items()],
        "left_out": data.left_out,
        "differences": [_difference(name, values) for name, values in data.settings.items()],
    }


def _run(data: ComparisonData, run: ComparedRun, number: int, video: EmbeddedVideo) -> dict[str, Any]:
    """What the page shows of a run: as of a map of a report, and where its model saw the video."""
    of, time = data.maps, run.data.time
    saliency = curves_over_time([run.values(label, name) for label, name in of.items()])
    curves = dict(zip(of, saliency, strict=True))
    events = detect(curves, of, time, video.num_frames, run.data.clock(video.fps))
    agreements = [run.agreement(label, name) for label, name in of.items()]
    names = set(of.values())
    height, width = data.own_size
    return {
        "labels": list(of),
        "saliency": [[round(value, 3) for value in curve] for curve in saliency.tolist()],
        "events": [[asdict(event) for event in events.of(label)] for label in of],
        "planes": [plane_id(number, concept) for concept in range(len(of))],
        "masks": [mask_id(number, concept) for concept in range(len(of))],
        "agreement": None if run.data.agreements is None else agreements,
        "meaning": meaning(names.pop(), run.data.settings)
        if len(names) == 1
        else meaning_by_concept(set(of.values()), run.data.settings),
        "grid": run.data.grid,
        "times": run.data.frame_times(video.num_frames).tolist(),
        "cuts": time.cuts,
        "seen": [
            run.columns.start / width,
            run.rows.start / height,
            (run.columns.stop - run.columns.start) / width,
            (run.rows.stop - run.rows.start) / height,
        ],
    }


def _difference(name: str, values: tuple[Any, Any]) -> list[str | None]:
    """A row of the table of settings. Two folders that end alike stay apart."""
    texts = [None if value is None else _text(NAMED_BY_PATH.get(name, str)(value), value) for value in values]
    if texts[0] == texts[1]:
        texts = list(distinct(map(str, texts)))
    return [name, *texts]


def _text(shown: str, value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else shown

"""Writes the report: one HTML file that needs no other file and no network."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from imap_fast.masks.threshold import OTSU_TWICE
from imap_fast.report.data import ReportData
from imap_fast.report.figures import figures
from imap_fast.report.inside import PageInside
from imap_fast.report.mask_files import mask_files
from imap_fast.report.page_content import content, mask_id, plane_id
from imap_fast.report.page_file import Block, Layout, bytes_block, check_suffix, file_block, json_block, write_page
from imap_fast.report.planes import pack, pack_mask
from imap_fast.report.video import embed_video
from imap_fast.video.clip import Clip
from imap_fast.video.decode import VideoFile

PLAYER = (
    *("dom", "data", "file_time", "planes", "paint", "player", "view", "stage", "transport", "timeline", "meaning"),
    *("help", "header"),
)
"""The scripts that every page has."""

REPORT = Layout(
    "Saliency report", "Maps", "report_sections.html", "report_help.html", (*PLAYER, "inside", "heads", "run", "main")
)


def write_report(path: str | os.PathLike, data: ReportData, video: Clip | VideoFile) -> None:
    """Write the report of one video; see `SaliencyMaps.report`.

    Args:
        path: the page, ending in .html.
        data: what it shows.
        video: the video that the maps were read from.
    """
    path = check_suffix(path)
    with TemporaryDirectory() as folder:
        write_page(path, REPORT, OTSU_TWICE, _blocks(data, video, Path(folder)))


def _blocks(data: ReportData, video: Clip | VideoFile, folder: Path) -> Iterator[Block]:
    embedded = embed_video(video, data.read, folder)
    page_content = content(data, embedded)
    drawn = list(figures(data, embedded))
    page_content["figures"] = [{"name": name, "type": media_type} for name, media_type, _ in drawn]
    masks = [] if data.masks is None else list(mask_files(data.masks))
    page_content["masks"] = [{"name": name, "type": media_type} for name, media_type, _ in masks]
    inside = None if data.inside is None else PageInside(data)
    page_content["inside"] = None if inside is None else inside.content()
    yield json_block("content", page_content)
    yield file_block("video", embedded.file)
    latents = data.time.latents_of_shots(data.grid[0])
    for number, (_, values) in enumerate(data.maps.values()):
        for concept, plane in enumerate(values):
            yield bytes_block(plane_id(number, concept), pack(plane))
            yield bytes_block(mask_id(number, concept), pack_mask(plane, latents, OTSU_TWICE))
    if inside is not None:
        yield from inside.blocks()
    for name, _, file in (*drawn, *masks):
        yield bytes_block(f"file-{name}", file)

"""The masks that a report offers for download, in the files that other tools take."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from imap_fast.masks.formats import FORMATS
from imap_fast.masks.values import MaskValues

MOST_FRAMES = 512
"""Masks of a longer video are not in the page, which is opened as a whole. `imap-fast segment` writes them."""

MOST_BYTES = 2**19
"""Four smooth masks of 49 frames of 480 × 720 take 0.4 MB. Larger files would make the page slow to open."""

CLIP = "video"
"""The name of the clip in the files."""


class ReportMasks(NamedTuple):
    """The masks of a video with the default threshold.

    Attributes:
        overlapping: of all concepts but the background.
        exclusive: each pixel is in one mask at most.
    """

    overlapping: MaskValues
    exclusive: MaskValues


def mask_files(masks: ReportMasks) -> Iterator[tuple[str, str, bytes]]:
    """Yield name, media type and content of each file of at most `MOST_BYTES`. The frames of the video are in none.

    COCO's is left out if the package that writes run lengths is not installed.
    """
    overlapping, exclusive = (replace(each, pictures=None) for each in masks)
    formats = {"davis": exclusive}
    if find_spec("pycocotools"):
        formats["coco"] = overlapping
    for format, of in formats.items():
        content = _zipped(_written(of, format))
        if len(content) <= MOST_BYTES:
            yield f"masks-{format}.zip", "application/zip", content


def _written(masks: MaskValues, format: str) -> dict[str, bytes]:
    """The files of one clip in a format, by their paths."""
    with TemporaryDirectory() as folder:
        FORMATS[format]({CLIP: masks}, Path(folder))
        files = sorted(each for each in Path(folder).rglob("*") if each.is_file())
        return {each.relative_to(folder).as_posix(): each.read_bytes() for each in files}


def _zipped(files: dict[str, bytes]) -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, each in files.items():
            # No time of this machine, so that equal masks give equal pages.
            archive.writestr(zipfile.ZipInfo(name), each, zipfile.ZIP_DEFLATED)
    return content.getvalue()

"""The still figures that a report offers for download."""

from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from imap_fast.render.grid import grid_over
from imap_fast.report.footage import EmbeddedVideo

if TYPE_CHECKING:
    from imap_fast.maps import SaliencyMaps

ROWS = 12
"""Concepts in a figure at most: with every token of a prompt it would be metres high."""


def figures(maps: "SaliencyMaps", video: EmbeddedVideo) -> Iterator[tuple[str, str, bytes]]:
    """Name, media type and content of each figure.

    The grid is a JPEG: as a PNG it would weigh more than everything else in the report.
    """
    concepts = maps.labels_of(maps.default)[:ROWS]
    drawn = {
        "grid.jpg": ("image/jpeg", grid_over(maps, video.stills, video.num_frames, concepts, None)),
        "timeline.svg": ("image/svg+xml", maps.timeline(video.num_frames, concepts)),
        "heads.svg": ("image/svg+xml", maps.heads()),
    }
    for name, (media_type, figure) in drawn.items():
        content = BytesIO()
        figure.savefig(content, format=name.partition(".")[2])
        yield name, media_type, content.getvalue()

"""The trails of regions as the page of a report draws them."""

from __future__ import annotations

from imap_fast.report.data import ReportData
from imap_fast.report.meanings import REGIONS
from imap_fast.tracking.marked import marked_in
from imap_fast.tracking.trail import trail

MOST_FRAMES = 20_000
"""A longer video has no trails in its page: they would take megabytes."""

DIGITS = 4
"""Of a place, as a share of the picture: finer than a pixel of 8K."""

Step = tuple[float, float, int]
"""Where a region is in a frame, as shares of width and height, and 1 if it is visible."""


def trails(name: str, data: ReportData, num_frames: int) -> list[list[Step]] | None:
    """The trail of each region of a map over all frames. None: the map is not of regions, or the video is too long.

    Args:
        name: of the map.
        data: what the report shows.
        num_frames: of the video.
    """
    regions = data.settings.get("regions") or {}
    labels, values = data.maps[name]
    if name not in REGIONS or num_frames > MOST_FRAMES:
        return None
    found = []
    for label, of_region in zip(labels, values, strict=True):
        each = trail(label, of_region, data.time, num_frames, marked_in(regions[label], data.seconds))
        steps = zip(each.x, each.y, each.visible, strict=True)
        found.append([(round(x, DIGITS), round(y, DIGITS), int(visible)) for x, y, visible in steps])
    return found

"""A clip beside itself under the heat of each concept."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import to_rgb

from imap_fast.render.ground import ground
from imap_fast.render.heat import backdrop, heat, under_heat
from imap_fast.render.text import text_strip
from imap_fast.render.upsample import upsample_time
from imap_fast.video import Clip, resize_and_crop

if TYPE_CHECKING:
    from imap_fast.maps import SaliencyMaps

LARGEST_HEIGHT, LARGEST_WIDTH = 1440, 1920
"""Pixels of the whole picture; panels shrink to fit."""

SMALLEST_SIDE = 240
"""A clip smaller than this is enlarged, so that its labels can be read."""

LABEL_HEIGHT, GUTTER = 34, 6
BACKGROUND, TITLE, LABEL = "#111116", "#9d9da8", "#ffffff"


def overlay(maps: "SaliencyMaps", video: Any, concepts: Sequence[str] | None, map: str | None) -> Clip:
    """Panels in rows: the clip, then the clip under each concept's heat, labelled; see `SaliencyMaps.overlay`."""
    clip = ground(maps) if video is None else Clip.of(video)
    labels, values = maps.chosen(concepts, map)
    titles = labels if video is None else ("video", *labels)
    hot = upsample_time(heat(values), len(clip.frames), **maps.time)

    rows, columns = _arrange(len(titles), *clip.frames.shape[1:3])
    height, width = _panel_size(rows, columns, *clip.frames.shape[1:3])
    frames = resize_and_crop(clip.frames, height, width)
    pale = backdrop(frames)
    cell = LABEL_HEIGHT + height + GUTTER, width + GUTTER
    background = np.rint(255 * np.array(to_rgb(BACKGROUND))).astype(np.uint8)
    wall = np.broadcast_to(background, (len(frames), rows * cell[0] + GUTTER, columns * cell[1] + GUTTER, 3)).copy()

    for place, label in enumerate(titles):
        concept = place - len(titles) + len(labels)  # −1 for the video
        top, left = place // columns * cell[0] + GUTTER, place % columns * cell[1] + GUTTER
        panel = wall[:, top : top + LABEL_HEIGHT + height, left : left + width]
        panel[:, :LABEL_HEIGHT] = text_strip(label, LABEL_HEIGHT, width, LABEL if concept >= 0 else TITLE, BACKGROUND)
        panel[:, LABEL_HEIGHT:] = under_heat(pale, hot[concept]) if concept >= 0 else frames
    return Clip(wall, clip.fps)


def _arrange(panels: int, height: int, width: int) -> tuple[int, int]:
    """Rows and columns that come closest to 16:9 with few places left empty."""

    def cost(columns: int) -> float:
        rows = math.ceil(panels / columns)
        aspect = columns * width / (rows * height)
        return abs(math.log(aspect / (16 / 9))) + (rows * columns / panels - 1)

    columns = min(range(1, panels + 1), key=cost)
    return math.ceil(panels / columns), columns


def _panel_size(rows: int, columns: int, height: int, width: int) -> tuple[int, int]:
    """Even height and width of a panel: the clip's own, unless that is too small to read or the picture too large."""
    fitting = min(LARGEST_HEIGHT / (rows * height), LARGEST_WIDTH / (columns * width))
    scale = min(fitting, max(1.0, SMALLEST_SIDE / min(height, width)))
    return tuple(max(2, 2 * round(side * scale / 2)) for side in (height, width))

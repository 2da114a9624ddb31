"""A clip beside itself under the heat of each concept."""

import math
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from matplotlib.colors import to_rgb

from imap_fast.render.footage import Footage
from imap_fast.render.heat import backdrop, on_scale, scales, under_heat
from imap_fast.render.text import text_strip
from imap_fast.render.upsample import neighbours
from imap_fast.video import Clip, resize_and_crop
from imap_fast.video.write import write_timed_mp4

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
    footage = Footage(maps, video)
    return Clip(np.stack([wall for wall, _ in walls(maps, footage, concepts, map)]), footage.fps)


def save_overlay(
    maps: "SaliencyMaps", path: str | os.PathLike, video: Any, concepts: Sequence[str] | None, map: str | None
) -> None:
    """The same, each frame encoded as it is drawn; see `SaliencyMaps.save_overlay`."""
    footage = Footage(maps, video)
    write_timed_mp4(path, walls(maps, footage, concepts, map), footage.fps)


def walls(
    maps: "SaliencyMaps", footage: Footage, concepts: Sequence[str] | None, map: str | None
) -> Iterator[tuple[np.ndarray, float]]:
    """The whole picture at each frame, uint8 `[H, W, 3]`, and its seconds."""
    labels, values = maps.chosen(concepts, map)
    scale = scales(values)
    places = zip(*neighbours(values.shape[1], footage.num_frames, **maps.time), strict=True)
    titles = labels if footage.plain else ("video", *labels)
    rows, columns = _arrange(len(titles), footage.height, footage.width)
    height, width = _panel_size(rows, columns, footage.height, footage.width)
    cell = LABEL_HEIGHT + height + GUTTER, width + GUTTER
    background = np.rint(255 * np.array(to_rgb(BACKGROUND))).astype(np.uint8)
    empty = np.broadcast_to(background, (rows * cell[0] + GUTTER, columns * cell[1] + GUTTER, 3)).copy()
    panels = []
    for place, label in enumerate(titles):
        top, left = place // columns * cell[0] + GUTTER, place % columns * cell[1] + GUTTER
        colour = LABEL if place or footage.plain else TITLE
        strip = text_strip(label, LABEL_HEIGHT, width, colour, BACKGROUND)
        empty[top : top + LABEL_HEIGHT, left : left + width] = strip
        panels.append((slice(top + LABEL_HEIGHT, top + LABEL_HEIGHT + height), slice(left, left + width)))

    for (frame, seconds), (before, after, weight) in zip(footage.frames(), places, strict=False):
        # The two neighbours alone: values may lie on disk.
        near = on_scale(values[:, before : after + 1], scale)
        hot = torch.lerp(near[:, 0], near[:, -1], weight)
        frame, wall = resize_and_crop(frame[None], height, width), empty.copy()
        pale = backdrop(frame)
        if not footage.plain:
            wall[panels[0]] = frame[0]
        for panel, concept in zip(panels[-len(labels) :], hot, strict=True):
            wall[panel] = under_heat(pale, concept[None])[0]
        yield wall, seconds


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

"""A figure like the paper's: frames across, concepts down."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from imap_fast.render.footage import Footage
from imap_fast.render.heat import COLOURS, backdrop, on_scale, scales, under_heat
from imap_fast.render.text import fit, style, text_width
from imap_fast.render.upsample import between, neighbours

if TYPE_CHECKING:
    from imap_fast.maps import SaliencyMaps

COLUMNS = 6
"""Frames shown, evenly spaced, the first and the last among them."""

CELL_AREA = 2.2
"""Square inches of one picture."""

WIDEST_LABEL, MARGIN, GAP, HEADER, FOOTER = 2.4, 0.15, 0.05, 0.35, 0.5
"""Inches."""

LABEL_SIZE, SMALL_SIZE = 11, 9
GREY, OUTLINE = "#6b6b75", "#4bc6f1"


def grid_figure(
    maps: "SaliencyMaps",
    video: Any,
    concepts: Sequence[str] | None,
    map: str | None,
    outlines: Mapping[str, np.ndarray] | None = None,
) -> Figure:
    """One row of frames, then one row of heat for each concept; see `SaliencyMaps.grid_figure`.

    `outlines` are masks of some concepts, bool `[T, H, W]` like the video's frames, to draw on their rows.
    """
    if video is not None:
        footage = Footage(maps, video)
        shown = spread(footage.num_frames)
        stills = np.stack([frame for number, (frame, _) in enumerate(footage.frames()) if number in shown])
        return grid_over(maps, stills, footage.num_frames, concepts, map, outlines)
    labels, values = maps.chosen(concepts, map)
    shown = spread(values.shape[1])
    rows = [COLOURS(concept.numpy()) for concept in on_scale(values[:, shown], scales(values))]
    return _draw(rows, labels, [f"latent frame {frame}" for frame in shown], {})


def grid_over(
    maps: "SaliencyMaps",
    stills: np.ndarray,
    num_frames: int,
    concepts: Sequence[str] | None,
    map: str | None,
    outlines: Mapping[str, np.ndarray] | None = None,
) -> Figure:
    """The grid over the frames `spread(num_frames)` of a video, uint8 `[n, H, W, 3]`; no other is needed."""
    labels, values = maps.chosen(concepts, map)
    shown = spread(num_frames)
    before, after, weight = (each[shown] for each in neighbours(values.shape[1], num_frames, **maps.time))
    # Only the latent frames beside those shown: values may lie on disk.
    needed = torch.cat([before, after]).unique()
    hot = on_scale(values[:, needed], scales(values))
    hot = between(hot, torch.searchsorted(needed, before), torch.searchsorted(needed, after), weight)
    pale = backdrop(stills)
    rows = [stills, *(under_heat(pale, concept) for concept in hot)]
    masks = {row: outlines[label][shown] for row, label in enumerate(labels, 1) if label in (outlines or {})}
    return _draw(rows, ("video", *labels), [f"frame {frame}" for frame in shown], masks)


def spread(frames: int, shown: int = COLUMNS) -> list[int]:
    """Which frames are shown of so many: `shown` of them at most."""
    return np.unique(np.linspace(0, frames - 1, shown).round().astype(int)).tolist()


def _draw(
    rows: list[np.ndarray], labels: Sequence[str], headings: Sequence[str], masks: Mapping[int, np.ndarray]
) -> Figure:
    """Rows of pictures `[n, H, W, 3 or 4]` with labels before them, headings above, and the scale below.

    `masks` are of some rows, bool `[n, H, W]`, and drawn as outlines.
    """
    height, width = rows[0].shape[1:3]
    cell_height, cell_width = math.sqrt(CELL_AREA * height / width), math.sqrt(CELL_AREA * width / height)
    labels = [fit(label, WIDEST_LABEL, LABEL_SIZE) for label in labels]
    left = max(text_width(label, LABEL_SIZE) for label in labels) + 2 * MARGIN
    page_width = left + len(headings) * (cell_width + GAP) + MARGIN
    page_height = HEADER + len(rows) * (cell_height + GAP) + FOOTER
    figure = Figure(figsize=(page_width, page_height), dpi=150, facecolor="white")

    def box(x: float, y: float, w: float, h: float) -> tuple[float, float, float, float]:
        """Inches from the top left → matplotlib's shares from the bottom left."""
        return x / page_width, 1 - (y + h) / page_height, w / page_width, h / page_height

    for row, (pictures, label) in enumerate(zip(rows, labels, strict=True)):
        top = HEADER + row * (cell_height + GAP)
        x, y, _, _ = box(left - MARGIN, top + cell_height / 2, 0, 0)
        figure.text(x, y, label, ha="right", va="center", **style(LABEL_SIZE))
        for column, picture in enumerate(pictures):
            axes = figure.add_axes(box(left + column * (cell_width + GAP), top, cell_width, cell_height))
            axes.imshow(picture, aspect="auto", interpolation="antialiased")
            if row in masks and masks[row][column].any():
                axes.contour(masks[row][column], [0.5], colors=OUTLINE, linewidths=1)
            axes.set_axis_off()
            if row == 0:
                axes.set_title(headings[column], color=GREY, pad=5, **style(SMALL_SIZE))

    bar = figure.add_axes(box(left, page_height - FOOTER + 0.14, 1.2, 0.1))
    figure.colorbar(ScalarMappable(cmap=COLOURS), cax=bar, orientation="horizontal", ticks=[]).outline.set_visible(
        False
    )
    x, y, _, _ = box(left + 1.3, page_height - FOOTER + 0.19, 0, 0)
    figure.text(x, y, "low to high, each concept on its own scale", color=GREY, va="center", **style(SMALL_SIZE))
    return figure

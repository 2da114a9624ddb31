"""A figure like the paper's: frames across, concepts down."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from torch import Tensor

from imap_fast.render.heatmap import COLOURS, Values, apply_scales, heat_scales, overlay_heat, pale
from imap_fast.render.source_video import SourceVideo
from imap_fast.render.spacing import evenly_spaced
from imap_fast.render.text import fit, style, text_width
from imap_fast.upsampling.interpolate import Neighbours, between, neighbours

COLUMNS = 6
"""The number of frames in a grid: evenly spaced, with the first and the last frame."""

CELL_AREA = 2.2
"""Area of one picture, in square inches."""

WIDEST_LABEL, MARGIN, GAP, HEADER, FOOTER, NOTE_GAP = 2.4, 0.15, 0.05, 0.35, 0.5, 0.04
"""Lengths, in inches."""

LABEL_SIZE, SMALL_SIZE = 11, 9
GREY, OUTLINE = "#6b6b75", "#4bc6f1"


def grid_figure(
    source: SourceVideo,
    labels: Sequence[str],
    values: Values,
    times: Tensor,
    notes: Sequence[str] | None = None,
    outlines: Mapping[str, np.ndarray] | None = None,
) -> Figure:
    """One row of frames, then one row of heatmaps for each concept.

    Args:
        source: the video.
        labels: of the C concepts.
        values: their saliency.
        times: of the latent frames, in video frames, fp64 `[F]`.
        notes: what is written below each label, such as `agreement_notes`. None: nothing.
        outlines: masks by label, bool `[T, H, W]` at the size of the video, drawn as outlines.
    """
    columns = grid_frames(source.num_frames)
    pictures = (picture for number, (picture, _) in enumerate(source.pictures()) if number in columns)
    stills = np.stack([picture.resized(source.height, source.width) for picture in pictures])
    return grid_of_stills(stills, source.num_frames, labels, values, times, source.cuts, notes, outlines)


def grid_of_stills(
    stills: np.ndarray,
    num_frames: int,
    labels: Sequence[str],
    values: Values,
    times: Tensor,
    cuts: Sequence[int] = (),
    notes: Sequence[str] | None = None,
    outlines: Mapping[str, np.ndarray] | None = None,
) -> Figure:
    """The grid of a video, made from the frames `grid_frames(num_frames)` alone, uint8 `[n, H, W, 3]`.

    `cuts` are the frames at which a shot begins; the other arguments are those of `grid_figure`.
    """
    columns = grid_frames(num_frames)
    shown = neighbours(times, num_frames, cuts).select(columns)
    # Only the latent frames next to those shown are read: values may be on disk.
    needed = torch.cat([shown.before, shown.after]).unique()
    heat = apply_scales([concept[needed] for concept in values], heat_scales(values))
    before, after = torch.searchsorted(needed, shown.before), torch.searchsorted(needed, shown.after)
    heat = between(heat, Neighbours(before, after, shown.weight))
    backdrop = pale(stills)
    rows = [stills, *(overlay_heat(backdrop, concept) for concept in heat)]
    outlines = outlines or {}
    masks = {row: outlines[label][columns] for row, label in enumerate(labels, 1) if label in outlines}
    notes = ["", *(notes or [""] * len(labels))]
    return _draw(rows, ("video", *labels), notes, [f"frame {frame}" for frame in columns], masks)


def latent_grid_figure(labels: Sequence[str], values: Values, notes: Sequence[str]) -> Figure:
    """One row of heatmaps for each concept, of latent frames without a video."""
    columns = grid_frames(len(values[0]))
    heat = apply_scales([concept[columns] for concept in values], heat_scales(values))
    rows = [COLOURS(concept.numpy()) for concept in heat]
    return _draw(rows, labels, notes, [f"latent frame {frame}" for frame in columns], {})


def grid_frames(num_frames: int) -> list[int]:
    """The frames that a grid shows."""
    return evenly_spaced(num_frames, COLUMNS)


def agreement_notes(labels: Sequence[str], agreement: Tensor | None, said: Sequence[str] = ()) -> list[str]:
    """How sure the map of each label is, in words, after its name.

    Args:
        labels: of the C concepts.
        agreement: `[C]`, or None if it is unknown.
        said: what comes before it, such as the name of the map. Empty: nothing.
    """
    sure = ["unknown"] * len(labels) if agreement is None else [f"{value:.2f}" for value in agreement.tolist()]
    before = said or [""] * len(labels)
    return [", ".join(filter(None, (of, f"agreement {value}"))) for of, value in zip(before, sure, strict=True)]


def _draw(
    rows: list[np.ndarray],
    labels: Sequence[str],
    notes: Sequence[str],
    headings: Sequence[str],
    masks: Mapping[int, np.ndarray],
) -> Figure:
    """Draw rows of pictures `[n, H, W, 3 or 4]`: labels and notes to the left, headings above, the colour scale below.

    `masks`, bool `[n, H, W]` by row, are drawn as outlines.
    """
    height, width = rows[0].shape[1:3]
    cell_height, cell_width = math.sqrt(CELL_AREA * height / width), math.sqrt(CELL_AREA * width / height)
    labels = [fit(label, WIDEST_LABEL, LABEL_SIZE) for label in labels]
    widths = [text_width(label, LABEL_SIZE) for label in labels] + [text_width(note, SMALL_SIZE) for note in notes]
    left = max(widths) + 2 * MARGIN
    page_width = left + len(headings) * (cell_width + GAP) + MARGIN
    page_height = HEADER + len(rows) * (cell_height + GAP) + FOOTER
    figure = Figure(figsize=(page_width, page_height), dpi=150, facecolor="white")

    def box(x: float, y: float, w: float, h: float) -> tuple[float, float, float, float]:
        """Convert inches from the top left to matplotlib's fractions from the bottom left."""
        return x / page_width, 1 - (y + h) / page_height, w / page_width, h / page_height

    for row, (pictures, label, note) in enumerate(zip(rows, labels, notes, strict=True)):
        top = HEADER + row * (cell_height + GAP)
        x, y, _, _ = box(left - MARGIN, top + cell_height / 2, 0, 0)
        figure.text(x, y, label, ha="right", va="bottom" if note else "center", **style(LABEL_SIZE))
        if note:
            x, y, _, _ = box(left - MARGIN, top + cell_height / 2 + NOTE_GAP, 0, 0)
            figure.text(x, y, note, color=GREY, ha="right", va="top", **style(SMALL_SIZE))
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
    legend = "low to high, each concept on its own scale" + ("; outlined: the mask" if masks else "")
    figure.text(x, y, legend, color=GREY, va="center", **style(SMALL_SIZE))
    return figure

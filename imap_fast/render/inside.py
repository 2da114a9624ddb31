"""The maps of single layers and steps side by side, and how much concepts attend to each other."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from imap_fast.render.heatmap import COLOURS, apply_scales, heat_scales
from imap_fast.render.spacing import evenly_spaced
from imap_fast.render.text import fit, style, text_width

MOST_STEPS = 12
"""The largest number of steps that a figure of layers and steps shows. They are evenly spaced."""

STRIP = 10
"""Tiles in a row, if layers or steps are kept by themselves."""

TILE, GAP = 0.62, 0.05
"""The shorter side of a tile, and what is between two, in inches."""

MARGIN, HEADER, FOOTER, CAPTION = 0.2, 0.55, 0.5, 0.2
"""Lengths, in inches."""

TITLE_SIZE, LABEL_SIZE = 11, 8
GREY = "#6b6b75"

SCALE = "low to high, on one scale for all of them"

ROWS, REST = "percent of what each row attends to", "everything else"

WIDEST_LABEL, CELL = 2.0, 0.55
"""Lengths of a table of concepts, in inches."""


def inside_figure(title: str, layers: Sequence[int] | None, steps: Sequence[int] | None, values: Tensor) -> Figure:
    """Layers down and steps across, or a strip of one of them. All tiles share a colour scale, so they can be compared.

    Args:
        title: what the tiles are of.
        layers: the L layers. None: `values` are their mean, and L is 1.
        steps: the S steps. None: `values` are their mean, and S is 1.
        values: fp32 `[L, S, H, W]`, a latent frame of each.
    """
    columns = evenly_spaced(values.shape[1], MOST_STEPS) if layers is not None else list(range(values.shape[1]))
    shown = values[:, columns]
    (heat,) = apply_scales([shown.flatten(0, 1)], heat_scales([shown.flatten(0, 1)]))
    tiles = COLOURS(heat.unflatten(0, shown.shape[:2]).numpy())[..., :3]
    if layers is not None and steps is not None:
        return _table(title, [str(layer) for layer in layers], [str(steps[i]) for i in columns], tiles)
    names = [f"layer {layer}" for layer in layers] if layers is not None else [f"step {step}" for step in steps or ()]
    return _strip(title, names, tiles.reshape(-1, *tiles.shape[2:]))


def _tile_size(tiles: np.ndarray) -> tuple[float, float]:
    """Height and width of a tile, in inches."""
    height, width = tiles.shape[-3:-1]
    return TILE * max(1, height / width), TILE * max(1, width / height)


def _table(title: str, rows: Sequence[str], columns: Sequence[str], tiles: np.ndarray) -> Figure:
    height, width = _tile_size(tiles)
    left = max(text_width(row, LABEL_SIZE) for row in rows) + 0.45 + MARGIN
    inner = len(columns) * (width + GAP), len(rows) * (height + GAP)
    figure, axes = _page(title, left, CAPTION, inner)
    for row, of_row in enumerate(tiles):
        for column, tile in enumerate(of_row):
            _place(axes, tile, column * (width + GAP), row * (height + GAP), height, width)
    axes.set_yticks([row * (height + GAP) + height / 2 for row in range(len(rows))], rows)
    axes.set_xticks([column * (width + GAP) + width / 2 for column in range(len(columns))], columns)
    axes.set_ylabel("layer", color=GREY, fontsize=LABEL_SIZE + 1)
    axes.set_xlabel("denoising step", color=GREY, fontsize=LABEL_SIZE + 1)
    axes.xaxis.set_label_position("top")
    return figure


def _strip(title: str, names: Sequence[str], tiles: np.ndarray) -> Figure:
    height, width = _tile_size(tiles)
    across, down = min(STRIP, len(tiles)), -(-len(tiles) // STRIP)
    figure, axes = _page(title, MARGIN, 0, (across * (width + GAP), down * (height + CAPTION)))
    for number, (name, tile) in enumerate(zip(names, tiles, strict=True)):
        row, column = divmod(number, STRIP)
        x, y = column * (width + GAP), row * (height + CAPTION) + CAPTION
        _place(axes, tile, x, y, height, width)
        axes.text(x + width / 2, y - 0.04, name, color=GREY, ha="center", va="bottom", fontsize=LABEL_SIZE)
    axes.set_xticks([])
    axes.set_yticks([])
    return figure


def _page(title: str, left: float, above: float, inner: tuple[float, float]) -> tuple[Figure, Axes]:
    """A figure with a title and a colour scale, and axes in inches, from the top left, for the tiles."""
    least = text_width(SCALE, LABEL_SIZE) + 1.4
    width, height = left + max(inner[0], least) + MARGIN, HEADER + above + inner[1] + FOOTER
    figure = Figure(figsize=(width, height), dpi=150, facecolor="white")
    figure.text(left / width, 1 - 0.2 / height, fit(title, width - left, TITLE_SIZE), va="center", **style(TITLE_SIZE))
    axes = figure.add_axes((left / width, FOOTER / height, inner[0] / width, inner[1] / height))
    axes.set(xlim=(0, inner[0]), ylim=(inner[1], 0))
    axes.tick_params(length=0, labelsize=LABEL_SIZE, colors=GREY, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    bar = figure.add_axes((left / width, 0.2 / height, 1.2 / width, 0.1 / height))
    figure.colorbar(ScalarMappable(Normalize(), COLOURS), cax=bar, orientation="horizontal", ticks=[])
    figure.text((left + 1.3) / width, 0.25 / height, SCALE, color=GREY, va="center", fontsize=LABEL_SIZE)
    return figure, axes


def _place(axes: Axes, tile: np.ndarray, x: float, y: float, height: float, width: float) -> None:
    axes.imshow(tile, extent=(x, x + width, y + height, y), aspect="auto", interpolation="nearest")
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())


def text_attention_figure(labels: Sequence[str], attention: Tensor) -> Figure:
    """A table of how much each concept, a row, attends to each concept, a column, and to everything else together.

    Args:
        labels: of the C concepts.
        attention: `[C, C]`, in [0, 1]. Each row sums to 1 or less.
    """
    shares, count = attention.double().numpy(), len(labels)
    names = [fit(label, WIDEST_LABEL, LABEL_SIZE + 2) for label in labels]
    columns = [*names, REST]
    left, above = (max(text_width(name, LABEL_SIZE + 2) for name in those) + 2 * MARGIN for those in (names, columns))
    width = max(left + (count + 1.5) * CELL, text_width(ROWS, LABEL_SIZE) + MARGIN) + MARGIN
    height = above + count * CELL + FOOTER
    figure = Figure(figsize=(width, height), dpi=150, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-left / CELL, (width - left) / CELL), ylim=((height - above) / CELL, -above / CELL))
    axes.set_axis_off()
    middle: dict[str, Any] = {"ha": "center", "va": "center"}
    largest = shares.max() or 1.0
    for row, name in enumerate(names):
        axes.text(-MARGIN / CELL, row + 0.5, name, ha="right", va="center", **style(LABEL_SIZE + 2))
        for column, share in enumerate(shares[row]):
            axes.add_patch(Rectangle((column, row), 0.96, 0.96, color=COLOURS(share / largest), linewidth=0))
            ink = "black" if share > 0.6 * largest else "white"
            axes.text(column + 0.48, row + 0.48, _percent(share), color=ink, fontsize=LABEL_SIZE, **middle)
        rest = max(0.0, 1 - shares[row].sum())
        axes.text(count + 0.8, row + 0.48, _percent(rest), color=GREY, fontsize=LABEL_SIZE, **middle)
    for x, name in zip((*range(count), count + 0.32), columns, strict=True):
        axes.text(x + 0.48, -MARGIN / CELL, name, ha="center", va="bottom", rotation=90, **style(LABEL_SIZE + 2))
    figure.text(MARGIN / width, 0.25 / height, ROWS, color=GREY, va="center", fontsize=LABEL_SIZE)
    return figure


def _percent(share: float) -> str:
    """A share in percent, short enough for a cell."""
    return f"{100 * share:.1f}" if share >= 0.0005 else "0"

"""Head scores of every layer, with the motion heads marked."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from imap_fast.maps import SaliencyMaps

SCORES = {
    "chi": "Calinski–Harabasz score",
    "fisher": "Fisher score, tr(S_b) / tr(S_w)",
    "dbi": "Davies–Bouldin score (lower is better)",
    "silhouette": "silhouette score",
}

CELL, MARGINS = 0.24, (1.7, 1.5)
"""Inches: of one head's square, and of what stands around the squares (across, down)."""


def heads_figure(maps: "SaliencyMaps") -> Figure:
    """Layers down, heads across, colour for the separation score; see `SaliencyMaps.heads`."""
    scores = maps.head_scores.float().numpy()
    layers, heads = scores.shape

    size = max(heads * CELL, 4.5) + MARGINS[0], layers * CELL + MARGINS[1]
    figure = Figure(figsize=size, dpi=150, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    axes.set_facecolor("#d5d5da")  # a score that is not a number shows as this
    colours, norm = colour_scale(maps)
    picture = axes.imshow(scores, cmap=colours, norm=norm, aspect="auto")
    for layer, chosen in enumerate(maps.selected_heads.tolist()):
        axes.scatter(chosen, [layer] * len(chosen), s=60, facecolors="none", edgecolors="white", linewidths=2.6)
        axes.scatter(chosen, [layer] * len(chosen), s=60, facecolors="none", edgecolors="crimson", linewidths=1.4)

    axes.set_yticks(range(layers), maps.layers)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="head", ylabel="layer", title="Motion heads (ringed)")
    figure.colorbar(picture, label=score_name(maps))
    return figure


def score_name(maps: "SaliencyMaps") -> str:
    """What the head scores are called in full."""
    name = maps.settings.get("head_score", "chi")
    return SCORES.get(name, name)


def colour_scale(maps: "SaliencyMaps") -> tuple[Colormap, Normalize]:
    """Colours in which a better score is brighter, and the scale that leads to them."""
    lower_is_better = maps.settings.get("head_score") == "dbi"
    return colormaps["viridis_r" if lower_is_better else "viridis"], _norm(maps.head_scores.float().numpy())


def _norm(scores: np.ndarray) -> Normalize:
    """A logarithmic scale where every score is positive and the largest is far above the smallest."""
    finite = scores[np.isfinite(scores)]
    if finite.size and finite.min() > 0 and finite.max() > 20 * finite.min():
        return LogNorm(finite.min(), finite.max())
    return Normalize(*((finite.min(), finite.max()) if finite.size else (0, 1)))

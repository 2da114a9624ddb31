"""Head scores of every layer, with the motion heads marked."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LogNorm, Normalize
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
    name = maps.settings.get("head_score", "chi")

    size = max(heads * CELL, 4.5) + MARGINS[0], layers * CELL + MARGINS[1]
    figure = Figure(figsize=size, dpi=150, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    axes.set_facecolor("#d5d5da")  # a score that is not a number shows as this
    picture = axes.imshow(scores, cmap="viridis_r" if name == "dbi" else "viridis", norm=_norm(scores), aspect="auto")
    for layer, chosen in enumerate(maps.selected_heads.tolist()):
        axes.scatter(chosen, [layer] * len(chosen), s=60, facecolors="none", edgecolors="white", linewidths=2.6)
        axes.scatter(chosen, [layer] * len(chosen), s=60, facecolors="none", edgecolors="crimson", linewidths=1.4)

    axes.set_yticks(range(layers), maps.layers)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="head", ylabel="layer", title="Motion heads (ringed)")
    figure.colorbar(picture, label=SCORES.get(name, name))
    return figure


def _norm(scores: np.ndarray) -> Normalize:
    """A logarithmic scale where every score is positive and the largest is far above the smallest."""
    finite = scores[np.isfinite(scores)]
    if finite.size and finite.min() > 0 and finite.max() > 20 * finite.min():
        return LogNorm(finite.min(), finite.max())
    return Normalize(*((finite.min(), finite.max()) if finite.size else (0, 1)))

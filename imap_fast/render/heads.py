"""The separation scores of all heads, with the motion heads marked."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

SCORES = {
    "chi": "Calinski–Harabasz score",
    "fisher": "Fisher score, tr(S_b) / tr(S_w)",
    "dbi": "Davies–Bouldin score (lower is better)",
    "silhouette": "silhouette score",
}

CELL, MARGINS = 0.24, (1.7, 1.5)
"""Side of the square of one head, and margins around all squares (across, down), in inches."""


def heads_figure(head_scores: Tensor, selected_heads: Tensor, layers: Sequence[int], head_score: str) -> Figure:
    """Layers down, heads across. Colour shows the separation score, rings mark the motion heads.

    Args:
        head_scores: `[L, A]`.
        selected_heads: int64 `[L, k]`.
        layers: the numbers of the L layers.
        head_score: name of the score.
    """
    scores = head_scores.float().numpy()
    num_layers, num_heads = scores.shape

    size = max(num_heads * CELL, 4.5) + MARGINS[0], num_layers * CELL + MARGINS[1]
    figure = Figure(figsize=size, dpi=150, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    axes.set_facecolor("#d5d5da")  # shows scores that are not a number
    colours, norm = colour_scale(scores, head_score)
    picture = axes.imshow(scores, cmap=colours, norm=norm, aspect="auto")
    for row, heads in enumerate(selected_heads.tolist()):
        axes.scatter(heads, [row] * len(heads), s=60, facecolors="none", edgecolors="white", linewidths=2.6)
        axes.scatter(heads, [row] * len(heads), s=60, facecolors="none", edgecolors="crimson", linewidths=1.4)

    axes.set_yticks(range(num_layers), [str(layer) for layer in layers])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="head", ylabel="layer", title="Motion heads (ringed)")
    figure.colorbar(picture, label=score_name(head_score))
    return figure


def score_name(head_score: str) -> str:
    """The full name of a separation score."""
    return SCORES.get(head_score, head_score)


def colour_scale(scores: np.ndarray, head_score: str) -> tuple[Colormap, Normalize]:
    """A colour map in which better scores are brighter, and its normalization."""
    lower_is_better = head_score == "dbi"
    return colormaps["viridis_r" if lower_is_better else "viridis"], _norm(scores)


def _norm(scores: np.ndarray) -> Normalize:
    """A logarithmic scale if all scores are positive and the largest is far above the smallest, else a linear one."""
    finite = scores[np.isfinite(scores)]
    if finite.size and finite.min() > 0 and finite.max() > 20 * finite.min():
        return LogNorm(finite.min(), finite.max())
    return Normalize(*((finite.min(), finite.max()) if finite.size else (0, 1)))

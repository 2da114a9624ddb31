"""The measurements that decide which layers to read: λ₂ and localization, by layer and by head."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from imap_fast.render.palette import DEEP

ORANGE, BLUE, PURPLE = DEEP[:3]
GREY, SHADE = "#6b6b75", "#ececf1"

# To the right of the title, where the legend covers no point.
LEGEND = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": 2, "frameon": False, "fontsize": 9, "borderpad": 0}


def layers_figure(
    layers: Sequence[int],
    eigenvalues: Tensor,
    auc: Mapping[str, Tensor],
    head_scores: Tensor | None,
    head_auc: Tensor | None,
    correlation: float | None,
) -> Figure:
    """λ₂ over layers. With masks, also the AUC of each layer, and the scores and AUC of each head.

    Args:
        layers: the layers to read, which are shaded.
        eigenvalues: `[L, A]`.
        auc: of `imap` and `gramcol`, each `[L]`; empty without masks.
        head_scores: `[L, A]`; None without masks.
        head_auc: `[L, A]`; None without masks.
        correlation: Pearson's r of the last two.
    """
    measured = head_scores is not None and head_auc is not None
    size = (10.5, 5.2) if measured else (6.5, 3.2)
    figure = Figure(figsize=size, dpi=150, facecolor="white", layout="constrained")
    if head_scores is None or head_auc is None:
        _eigenvalues(_layer_axes(figure.add_subplot(), layers, len(eigenvalues)), eigenvalues)
        return figure
    grid = figure.add_gridspec(2, 2, width_ratios=(1.25, 1))
    upper = _layer_axes(figure.add_subplot(grid[0, 0]), layers, len(eigenvalues))
    lower = _layer_axes(figure.add_subplot(grid[1, 0], sharex=upper), layers, len(eigenvalues))
    _eigenvalues(upper, eigenvalues)
    upper.set_xlabel("")
    _localization(lower, auc)
    _heads(figure.add_subplot(grid[:, 1]), layers, head_scores.numpy(), head_auc.numpy(), correlation)
    return figure


def _layer_axes(axes: Axes, layers: Sequence[int], num_layers: int) -> Axes:
    for layer in layers:
        axes.axvspan(layer - 0.5, layer + 0.5, color=SHADE, linewidth=0, zorder=0)
    axes.set(xlim=(-0.5, num_layers - 0.5), xlabel="layer (shaded: to read)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return _plain(axes)


def _eigenvalues(axes: Axes, eigenvalues: Tensor) -> None:
    heads = eigenvalues.numpy()
    layers = np.arange(len(heads))
    axes.scatter(layers.repeat(heads.shape[1]), heads.ravel(), s=10, color=ORANGE, alpha=0.4, linewidths=0)
    axes.plot(layers, heads.mean(1), color=ORANGE, linewidth=1.8, marker="o", markersize=4)
    axes.set(ylim=(0, 1.03), ylabel="|λ₂|")
    axes.set_title("Second eigenvalue: each head, and their mean", loc="left", fontsize=10)


def _localization(axes: Axes, auc: Mapping[str, Tensor]) -> None:
    for (name, values), colour, marker in zip(auc.items(), (BLUE, PURPLE), "os", strict=True):
        axes.plot(values.numpy(), color=colour, linewidth=1.8, marker=marker, markersize=4, label=name)
    axes.axhline(0.5, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set(ylabel="AUC (0.5: chance)")
    axes.set_title("Localization, one layer alone", loc="left", fontsize=10)
    axes.legend(**LEGEND)


def _heads(axes: Axes, layers: Sequence[int], scores: np.ndarray, auc: np.ndarray, correlation: float | None) -> None:
    read = np.isin(np.arange(len(scores)), layers)
    for rows, colour, marker, name in ((~read, GREY, "x", "others"), (read, BLUE, "o", "to read")):
        axes.scatter(scores[rows], auc[rows], s=14, color=colour, marker=marker, linewidths=1, label=name)
    axes.axhline(0.5, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set(xlabel="separation score", ylabel="AUC of the head alone")
    r = "" if correlation is None else f": r = {correlation:.2f}".replace("-", "−")
    axes.set_title(f"Heads{r}", loc="left", fontsize=10)
    axes.legend(**LEGEND)
    _plain(axes)


def _plain(axes: Axes) -> Axes:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9, labelcolor=GREY, color=GREY)
    return axes

"""What tells which layers to read: λ₂ and localization, layer by layer and head by head."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from imap_fast.render.palette import DEEP

if TYPE_CHECKING:
    from imap_fast.layers.choose import LayerChoice

ORANGE, BLUE, PURPLE = DEEP[:3]
GREY, SHADE = "#6b6b75", "#ececf1"

# Right of the title, where no point can lie under it.
ABOVE = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": 2, "frameon": False, "fontsize": 9, "borderpad": 0}


def layers_figure(choice: "LayerChoice") -> Figure:
    """λ₂ over layers, the layers to read shaded; with masks AUC below, and heads to the right."""
    measured = choice.head_auc is not None
    size = (10.5, 5.2) if measured else (6.5, 3.2)
    figure = Figure(figsize=size, dpi=150, facecolor="white", layout="constrained")
    if not measured:
        _eigenvalues(_over_layers(figure.add_subplot(), choice), choice)
        return figure
    places = figure.add_gridspec(2, 2, width_ratios=(1.25, 1))
    upper = _over_layers(figure.add_subplot(places[0, 0]), choice)
    lower = _over_layers(figure.add_subplot(places[1, 0], sharex=upper), choice)
    _eigenvalues(upper, choice)
    upper.set_xlabel("")
    _localization(lower, choice)
    _heads(figure.add_subplot(places[:, 1]), choice)
    return figure


def _over_layers(axes: Axes, choice: "LayerChoice") -> Axes:
    for layer in choice.layers:
        axes.axvspan(layer - 0.5, layer + 0.5, color=SHADE, linewidth=0, zorder=0)
    axes.set(xlim=(-0.5, len(choice.eigenvalues) - 0.5), xlabel="layer (shaded: to read)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return _plain(axes)


def _eigenvalues(axes: Axes, choice: "LayerChoice") -> None:
    heads = choice.eigenvalues.numpy()
    layers = np.arange(len(heads))
    axes.scatter(layers.repeat(heads.shape[1]), heads.ravel(), s=10, color=ORANGE, alpha=0.4, linewidths=0)
    axes.plot(layers, heads.mean(1), color=ORANGE, linewidth=1.8, marker="o", markersize=4)
    axes.set(ylim=(0, 1.03), ylabel="|λ₂|")
    axes.set_title("Second eigenvalue: each head, and their mean", loc="left", fontsize=10)


def _localization(axes: Axes, choice: "LayerChoice") -> None:
    for (name, values), colour, marker in zip(choice.auc.items(), (BLUE, PURPLE), "os", strict=True):
        axes.plot(values.numpy(), color=colour, linewidth=1.8, marker=marker, markersize=4, label=name)
    axes.axhline(0.5, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set(ylabel="AUC (0.5: chance)")
    axes.set_title("Localization, one layer alone", loc="left", fontsize=10)
    axes.legend(**ABOVE)


def _heads(axes: Axes, choice: "LayerChoice") -> None:
    scores, auc = choice.head_scores.numpy(), choice.head_auc.numpy()
    read = np.isin(np.arange(len(scores)), choice.layers)
    for shown, colour, marker, name in ((~read, GREY, "x", "others"), (read, BLUE, "o", "to read")):
        axes.scatter(scores[shown], auc[shown], s=14, color=colour, marker=marker, linewidths=1, label=name)
    axes.axhline(0.5, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set(xlabel="separation score", ylabel="AUC of the head alone")
    r = "" if choice.correlation is None else f": r = {choice.correlation:.2f}".replace("-", "−")
    axes.set_title(f"Heads{r}", loc="left", fontsize=10)
    axes.legend(**ABOVE)
    _plain(axes)


def _plain(axes: Axes) -> Axes:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9, labelcolor=GREY, color=GREY)
    return axes

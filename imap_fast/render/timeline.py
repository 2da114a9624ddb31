"""When a concept is there: its saliency over time, and the frames in which it is active."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from imap_fast.render.heat import heat
from imap_fast.render.palette import DEEP
from imap_fast.render.text import fit, style
from imap_fast.render.upsample import longest_video, upsample_time

if TYPE_CHECKING:
    from imap_fast.maps import SaliencyMaps

HOTTEST = 0.05
"""Share of a frame's patches that speak for it: a mean over all would hide what is small."""

ACTIVE = 0.5
"""A concept is active where its saliency is at least this far up its own scale."""

WIDTH, CURVES, TRACK, MARGINS = 7.5, 2.1, 0.26, (2.0, 1.15)
"""Inches: of the figure, of the curves' height, of one concept's track, and of what stands around (left, above and
below together)."""

LABEL_SIZE = 9
GREY = "#6b6b75"


def saliency_over_time(values: Tensor) -> Tensor:
    """The mean heat of each frame's hottest patches, on the scale of `imap_fast.render.heat`.

    Args:
        values: fp32 `[C, F, H, W]`.

    Returns:
        fp32 `[C, F]`, in [0, 1].
    """
    patches = heat(values).flatten(2)
    return patches.topk(max(1, round(HOTTEST * patches.shape[-1]))).values.mean(-1)


def every_frame(saliency: Tensor, num_frames: int, **time: int) -> np.ndarray:
    """Saliency of latent frames, `[C, F]`, at every frame of the video, `[C, num_frames]`; see `upsample_time`."""
    return upsample_time(saliency[..., None, None], num_frames, **time)[..., 0, 0].numpy()


def active_frames(saliency: np.ndarray) -> list[tuple[int, int]]:
    """First and last frame of each unbroken run in which one concept's saliency, `[T]`, reaches `ACTIVE`."""
    edges = np.flatnonzero(np.diff((saliency >= ACTIVE).astype(np.int8), prepend=0, append=0))
    return [(int(first), int(after) - 1) for first, after in edges.reshape(-1, 2)]


def timeline_figure(
    maps: "SaliencyMaps", num_frames: int | None, concepts: Sequence[str] | None, map: str | None
) -> Figure:
    """Curves above, each concept's active frames below; see `SaliencyMaps.timeline`."""
    labels, values = maps.chosen(concepts, map)
    num_frames = num_frames or longest_video(values.shape[1], **maps.time)
    curves = every_frame(saliency_over_time(values), num_frames, **maps.time)
    frames = np.arange(num_frames)

    tracks = TRACK * len(labels)
    height = CURVES + tracks + MARGINS[1]
    figure = Figure(figsize=(WIDTH, height), dpi=150, facecolor="white")
    left, across = MARGINS[0] / WIDTH, (WIDTH - MARGINS[0] - 0.3) / WIDTH
    upper = figure.add_axes((left, (0.5 + tracks + 0.2) / height, across, CURVES / height))
    lower = figure.add_axes((left, 0.5 / height, across, tracks / height), sharex=upper)

    for row, curve in enumerate(curves):
        colour = DEEP[row % len(DEEP)]
        upper.plot(frames, curve, color=colour, linewidth=1.8, solid_capstyle="round")
        bars = [(first - 0.5, last - first + 1) for first, last in active_frames(curve)]
        lower.broken_barh(bars, (row - 0.22, 0.44), color=colour, linewidth=0)
    upper.axhline(ACTIVE, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
    upper.set(xlim=(-0.5, num_frames - 0.5), ylim=(0, 1.03), yticks=(0, ACTIVE, 1))
    upper.set_yticklabels(("low", "active", "high"))
    upper.set_title("Saliency over time, each concept on its own scale", loc="left", fontsize=11)
    upper.tick_params(axis="y", labelsize=LABEL_SIZE, labelcolor=GREY, color=GREY)
    upper.tick_params(axis="x", labelbottom=False, length=0)
    lower.tick_params(axis="x", labelsize=LABEL_SIZE, labelcolor=GREY, color=GREY)
    lower.set_ylim(len(labels) - 0.5, -0.5)
    lower.set_yticks(range(len(labels)))
    lower.set_yticklabels([fit(label, MARGINS[0] - 0.2, LABEL_SIZE) for label in labels])
    for label in lower.get_yticklabels():
        label.update(style(LABEL_SIZE))
    lower.xaxis.set_major_locator(MaxNLocator(integer=True))
    lower.set_xlabel("frame")
    lower.tick_params(axis="y", length=0)
    lower.xaxis.label.set(size=LABEL_SIZE, color=GREY)
    for axes, hidden in ((upper, ("top", "right", "bottom")), (lower, ("top", "right", "left"))):
        axes.spines[list(hidden)].set_visible(False)
    return figure

"""When a concept occurs: its saliency over time, and the frames in which it is active."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from imap_fast.render.heatmap import heat
from imap_fast.render.palette import DEEP
from imap_fast.render.text import fit, style
from imap_fast.upsampling.interpolate import upsample_time

HOTTEST = 0.05
"""The share of hottest patches that are averaged. A mean over all patches would hide small objects."""

ACTIVE = 0.5
"""A concept is active in frames whose saliency is at least this, on its own scale from 0 to 1."""

WIDTH, CURVES, TRACK, MARGINS = 7.5, 2.1, 0.26, (2.0, 1.15)
"""Width of the figure, height of the curves, height of one concept's track, and margins (left; above plus below), in
inches."""

LABEL_SIZE = 9
GREY = "#6b6b75"


def saliency_over_time(values: Tensor) -> Tensor:
    """The mean heat of the hottest patches of each frame; see `imap_fast.render.heatmap.heat`.

    Args:
        values: fp32 `[C, F, H, W]`.

    Returns:
        fp32 `[C, F]`, in [0, 1].
    """
    patches = heat(values).flatten(2)
    return patches.topk(max(1, round(HOTTEST * patches.shape[-1]))).values.mean(-1)


def saliency_of_frames(saliency: Tensor, times: Tensor, num_frames: int) -> np.ndarray:
    """The saliency of latent frames, `[C, F]`, at every frame of the video, `[C, num_frames]`; see `upsample_time`."""
    return upsample_time(saliency[..., None, None], times, num_frames)[..., 0, 0].numpy()


def active_frames(saliency: np.ndarray) -> list[tuple[int, int]]:
    """First and last frame of each run of frames in which the saliency of one concept, `[T]`, reaches `ACTIVE`."""
    edges = np.flatnonzero(np.diff((saliency >= ACTIVE).astype(np.int8), prepend=0, append=0))
    return [(int(first), int(after) - 1) for first, after in edges.reshape(-1, 2)]


def timeline_figure(labels: Sequence[str], values: Tensor, times: Tensor, num_frames: int) -> Figure:
    """Saliency curves above, the active frames of each concept below.

    Args:
        labels: of the C concepts.
        values: saliency, fp32 `[C, F, H, W]`.
        times: of the latent frames, in video frames, fp64 `[F]`.
        num_frames: of the video.
    """
    curves = saliency_of_frames(saliency_over_time(values), times, num_frames)
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

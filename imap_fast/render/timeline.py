"""The saliency of concepts over time."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from imap_fast.render.heatmap import Values, heat
from imap_fast.render.palette import DEEP
from imap_fast.render.text import fit, printable, style, text_width
from imap_fast.upsampling.interpolate import upsample_time

HOTTEST = 0.05
"""The share of hottest patches that are averaged. A mean over all patches would hide small objects."""

WIDTH, CURVES, ROW, MARGINS = 7.5, 2.1, 0.26, (0.6, 0.45, 0.65)
"""Width of the figure, height of the curves and of a row of the legend, and margins (left and right; above; between the
curves and the legend), in inches."""

COLUMNS = 3
"""The largest number of labels in a row of the legend."""

NAME_MARGIN = 0.5
"""What a column of the legend has beside a label, in inches."""

LANE, BAR = 0.11, 0.07
"""Height of the place of a concept below the curves, and of its bars in it, in inches."""

STEADY = "  steady"
"""What is behind the label of a concept whose level does not change in this clip."""

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


def saliency_of_frames(saliency: Tensor, times: Tensor, num_frames: int, cuts: Sequence[int] = ()) -> np.ndarray:
    """The saliency of latent frames, `[C, F]`, at every frame of the video, `[C, num_frames]`; see `upsample_time`."""
    return upsample_time(saliency[..., None, None], times, num_frames, cuts)[..., 0, 0].numpy()


def timeline_figure(
    labels: Sequence[str],
    values: Values,
    times: Tensor,
    num_frames: int,
    cuts: Sequence[int],
    spans: Sequence[Sequence[range]],
) -> Figure:
    """A curve of the saliency of each concept, a vertical line at each cut, bars where it is active, and the labels.

    Args:
        labels: of the C concepts.
        values: their saliency.
        times: of the latent frames, in video frames, fp64 `[F]`.
        num_frames: of the video.
        cuts: the frames at which a shot begins, without the first one. No curve passes one.
        spans: the frames in which each concept is active. None of them: it is steady, and its label says so.
    """
    # One concept at a time, so that the heat of only one is in memory.
    saliency = torch.cat([saliency_over_time(concept[None]) for concept in values])
    curves = saliency_of_frames(saliency, times, num_frames, cuts)
    colours = [DEEP[place % len(DEEP)] for place in range(len(labels))]
    left, across = MARGINS[0] / WIDTH, 1 - 2 * MARGINS[0] / WIDTH
    notes = ["" if of_concept else STEADY for of_concept in spans]
    columns = _columns([label + note for label, note in zip(labels, notes, strict=True)], across * WIDTH)
    rows = -(-len(labels) // columns)
    _, above, between = MARGINS
    names = ROW * rows
    active = [(of_concept, colour) for of_concept, colour in zip(spans, colours, strict=True) if of_concept]
    lanes = LANE * (len(active) + 0.5)
    height = above + CURVES + lanes + between + names
    figure = Figure(figsize=(WIDTH, height), dpi=150, facecolor="white")

    chart = figure.add_axes((left, (names + between) / height, across, (CURVES + lanes) / height))
    for curve, colour in zip(curves, colours, strict=True):
        for begin, end in pairwise((0, *cuts, num_frames)):
            shot = np.arange(begin, end)
            chart.plot(shot, curve[shot], color=colour, linewidth=1.8, solid_capstyle="round")
    inch = 1.03 / CURVES
    chart.axhline(0, color=GREY, linewidth=0.4, alpha=0.5)
    for lane, (of_concept, colour) in enumerate(active):
        middle = -(lane + 0.75) * LANE * inch
        bars = [(span.start - 0.5, len(span)) for span in of_concept]
        chart.broken_barh(bars, (middle - BAR * inch / 2, BAR * inch), color=colour, linewidth=0)
    for cut in cuts:
        chart.axvline(cut - 0.5, color=GREY, linewidth=0.6, alpha=0.7)
    chart.set(xlim=(-0.5, num_frames - 0.5), ylim=(-lanes * inch, 1.03), yticks=(0, 1))
    chart.set_yticklabels(("low", "high"))
    chart.set_title("Saliency over time, each concept on its own scale; bars: active", loc="left", fontsize=11)
    chart.tick_params(labelsize=LABEL_SIZE, labelcolor=GREY, color=GREY)
    chart.xaxis.set_major_locator(MaxNLocator(integer=True))
    chart.set_xlabel("frame", size=LABEL_SIZE, color=GREY)
    chart.spines[["top", "right"]].set_visible(False)

    legend = figure.add_axes((left, 0.1 / height, across, names / height))
    legend.set(xlim=(0, across * WIDTH), ylim=(rows, 0))
    legend.set_axis_off()
    wide = across * WIDTH / columns
    for place, (label, colour) in enumerate(zip(labels, colours, strict=True)):
        x, y = wide * (place % columns), place // columns + 0.5
        legend.plot((x, x + 0.25), (y, y), color=colour, linewidth=2.6, solid_capstyle="round", clip_on=False)
        note = notes[place]
        room = wide - NAME_MARGIN - (text_width(note, LABEL_SIZE) if note else 0)
        name = fit(label, room, LABEL_SIZE)
        legend.text(x + 0.35, y, name, verticalalignment="center_baseline", **style(LABEL_SIZE))
        if note:
            after = x + 0.35 + text_width(name, LABEL_SIZE)
            legend.text(after, y, note, verticalalignment="center_baseline", color=GREY, **style(LABEL_SIZE))
    return figure


def _columns(names: Sequence[str], inches: float) -> int:
    """The columns of the legend: as many as hold every name, or else `COLUMNS`, in which names are cut."""
    widest = max(text_width(printable(name), LABEL_SIZE) for name in names) + NAME_MARGIN
    most = min(COLUMNS, len(names))
    return next((columns for columns in range(most, 0, -1) if widest <= inches / columns), most)

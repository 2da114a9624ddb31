"""A clip beside itself under the heatmap of each concept."""

import math
import os
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.colors import to_rgb
from torch import Tensor

from imap_fast.ahead import mapped
from imap_fast.render.heatmap import Values, apply_scales, heat_scales, overlay_heat, pale
from imap_fast.render.palette import BRIGHT
from imap_fast.render.source_video import SourceVideo
from imap_fast.render.text import text_strip
from imap_fast.render.trail import draw_trail
from imap_fast.upsampling.interpolate import neighbours
from imap_fast.video.clip import Clip
from imap_fast.video.picture import TimedPicture
from imap_fast.video.write import write_timed_mp4

LARGEST_HEIGHT, LARGEST_WIDTH = 1440, 1920
"""The largest picture, in pixels. Panels shrink to fit."""

SMALLEST_SIDE = 240
"""A smaller clip is enlarged, so that its labels are readable."""

LABEL_HEIGHT, GUTTER = 34, 6
BACKGROUND, TITLE, LABEL = "#111116", "#9d9da8", "#ffffff"

TAIL = 48
"""The number of frames that a trail goes back."""

Trail = tuple[np.ndarray, np.ndarray]
"""Where a region is in each frame, (x, y) as shares of width and height, `[T, 2]`, and whether it is visible, `[T]`."""


class Heatmaps(NamedTuple):
    """What is drawn over a video, of C concepts.

    Attributes:
        labels: of the concepts.
        said: what is said of each label, such as the name of its map. Empty text: nothing.
        values: their saliency.
        times: of the latent frames, in video frames, fp64 `[F]`.
        trails: of each concept that is a region, drawn over its heatmap. None: of another concept.
    """

    labels: Sequence[str]
    said: Sequence[str]
    values: Values
    times: Tensor
    trails: Sequence[Trail | None]


def overlay(source: SourceVideo, heatmaps: Heatmaps) -> Clip:
    """A clip of labelled panels: the video, and the video under the heatmap of each concept."""
    pictures = panel_frames(source, heatmaps)
    return Clip(np.stack([picture for picture, _ in pictures]), source.fps)


def save_overlay(path: str | os.PathLike, source: SourceVideo, heatmaps: Heatmaps) -> None:
    """Write the same to an .mp4. Each frame is encoded as soon as it is drawn."""
    frames = panel_frames(source, heatmaps)
    with closing(frames):  # an error stops its threads, too
        write_timed_mp4(path, frames, source.fps)


def panel_frames(source: SourceVideo, heatmaps: Heatmaps) -> Generator[tuple[np.ndarray, float], None, None]:
    """Yield the picture of each frame with all panels, uint8 `[H, W, 3]`, and its time in seconds."""
    labels, said, values, times, trails = heatmaps
    scales = heat_scales(values)
    of_labels = zip(labels, said, strict=True)
    titles = [*of_labels] if source.is_blank else [("video", ""), *of_labels]
    rows, columns = _arrange(len(titles), source.height, source.width)
    height, width = _panel_size(rows, columns, source.height, source.width)
    cell = LABEL_HEIGHT + height + GUTTER, width + GUTTER
    background = np.rint(255 * np.array(to_rgb(BACKGROUND))).astype(np.uint8)
    empty = np.broadcast_to(background, (rows * cell[0] + GUTTER, columns * cell[1] + GUTTER, 3)).copy()
    panels = []
    for position, (label, note) in enumerate(titles):
        top, left = position // columns * cell[0] + GUTTER, position % columns * cell[1] + GUTTER
        colour = LABEL if position or source.is_blank else TITLE
        empty[top : top + LABEL_HEIGHT, left : left + width] = text_strip(
            label, LABEL_HEIGHT, width, colour, BACKGROUND, note
        )
        panels.append((slice(top + LABEL_HEIGHT, top + LABEL_HEIGHT + height), slice(left, left + width)))

    def drawn(frame: tuple[int, TimedPicture, tuple[Tensor, Tensor, Tensor]]) -> tuple[np.ndarray, float]:
        number, (picture, seconds), (before, after, weight) = frame
        # Only two latent frames are read: values may be on disk.
        near = apply_scales([concept[before : after + 1] for concept in values], scales)
        heat = torch.lerp(near[:, 0], near[:, -1], weight)
        still, panel_frame = picture.resized(height, width), empty.copy()
        backdrop = pale(still[None])
        if not source.is_blank:
            panel_frame[panels[0]] = still
        for panel, concept, trail in zip(panels[-len(labels) :], heat, trails, strict=True):
            drawing = overlay_heat(backdrop, concept[None])[0]
            panel_frame[panel] = drawing if trail is None else _with_trail(drawing, trail, number, source.cuts)
        return panel_frame, seconds

    positions = zip(*neighbours(times, source.num_frames, source.cuts), strict=True)
    together = zip(source.pictures(), positions, strict=True)
    yield from mapped(drawn, ((number, *each) for number, each in enumerate(together)))


def _with_trail(picture: np.ndarray, trail: Trail, number: int, cuts: Sequence[int]) -> np.ndarray:
    """The picture of a frame with the trail of its shot up to this frame."""
    places, visible = trail
    begin = max([cut for cut in cuts if cut <= number], default=0)
    past = slice(max(begin, number - TAIL), number + 1)
    height, width = picture.shape[:2]
    return draw_trail(picture, places[past] * (width, height), visible[past], BRIGHT[1])


def _arrange(panels: int, height: int, width: int) -> tuple[int, int]:
    """Rows and columns whose shape is closest to 16:9 with few empty cells."""

    def cost(columns: int) -> float:
        rows = math.ceil(panels / columns)
        aspect = columns * width / (rows * height)
        return abs(math.log(aspect / (16 / 9))) + (rows * columns / panels - 1)

    columns = min(range(1, panels + 1), key=cost)
    return math.ceil(panels / columns), columns


def _panel_size(rows: int, columns: int, height: int, width: int) -> tuple[int, int]:
    """Even height and width of a panel: those of the clip, unless it is too small or the picture is too large."""
    fitting = min(LARGEST_HEIGHT / (rows * height), LARGEST_WIDTH / (columns * width))
    scale = min(fitting, max(1.0, SMALLEST_SIDE / min(height, width)))
    return max(2, 2 * round(height * scale / 2)), max(2, 2 * round(width * scale / 2))

"""A track on a frame: a line through the past places, which fades, and a mark at the present one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from matplotlib.colors import to_rgb

LINE, MARK = 1 / 110, 1 / 40
"""Half the width of the line at the present place, and the radius of the mark, as shares of the shorter side."""

RIM = 0.2
"""Half the width of the ring of a hollow mark, as a share of its radius."""

LEAST_LINE, LEAST_MARK = 0.75, 3.5
"""In pixels, so that both are seen on small pictures."""

OUTLINE = 0.8
"""What the dark outline adds on each side, as a share of half the line. With it, any colour stands out anywhere."""

OUTLINE_COLOUR = "#111116"
OUTLINE_OPACITY = 0.75


def draw_trail(frame: np.ndarray, places: np.ndarray, visible: np.ndarray, colour: str) -> np.ndarray:
    """Draw one track on a frame.

    The line fades towards the first place. It has a gap where the region is not visible, since such a place is a guess.
    The mark is a disc, and hollow if the region is not visible now.

    Args:
        frame: uint8 `[H, W, 3]`, RGB.
        places: of one shot, up to that in this frame, `[n, 2]`, (x, y) in pixels from the upper left corner.
        visible: whether the region is visible at each of them, bool `[n]`.
        colour: of the palette, such as `palette.BRIGHT[0]`.

    Returns:
        uint8 `[H, W, 3]`; `frame` stays as it is.
    """
    shorter = min(frame.shape[:2])
    line, mark = max(LINE * shorter, LEAST_LINE), max(MARK * shorter, LEAST_MARK)
    margin = OUTLINE * line
    drawn, outline = np.zeros((2, *frame.shape[:2], 1))
    for number, (begin, end) in enumerate(pairwise(places), start=1):
        if visible[number - 1] and visible[number]:
            strength = number / (len(places) - 1)
            box, distance = _distance(frame.shape, begin, end, line + margin)
            _add(drawn[box], distance, line, strength)
            _add(outline[box], distance, line + margin, strength * OUTLINE_OPACITY)
    if not visible[-1]:  # the line ends at the ring
        box, distance = _distance(frame.shape, places[-1], places[-1], mark)
        for layer in (drawn, outline):
            layer[box] *= 1 - _coverage(distance, mark)
    box, distance = _distance(frame.shape, places[-1], places[-1], mark + margin)
    rim = RIM * mark
    reach, edge = (mark, distance) if visible[-1] else (rim, np.abs(distance - (mark - rim)))
    _add(drawn[box], edge, reach, 1.0)
    _add(outline[box], edge, reach + margin, OUTLINE_OPACITY)
    picture = frame.astype(np.float64)
    for layer, name in ((outline, OUTLINE_COLOUR), (drawn, colour)):
        picture += layer * (255 * np.array(to_rgb(name)) - picture)
    return np.rint(picture).astype(np.uint8)


def _distance(
    shape: tuple[int, ...], begin: np.ndarray, end: np.ndarray, reach: float
) -> tuple[tuple[slice, slice], np.ndarray]:
    """The box of pixels within `reach` of a line between two places, and the distance of their centres to it."""
    (left, top), (right, bottom) = np.minimum(begin, end) - reach - 1, np.maximum(begin, end) + reach + 1
    height, width = shape[:2]
    top, bottom = (int(np.clip(each, 0, height)) for each in (top, np.ceil(bottom)))
    left, right = (int(np.clip(each, 0, width)) for each in (left, np.ceil(right)))
    y, x = np.ogrid[top:bottom, left:right]
    x, y = x + 0.5 - begin[0], y + 0.5 - begin[1]
    dx, dy = end - begin
    along = ((x * dx + y * dy) / max(dx * dx + dy * dy, 1e-12)).clip(0, 1)
    return np.s_[top:bottom, left:right], np.hypot(x - along * dx, y - along * dy)[..., None]


def _coverage(distance: np.ndarray, reach: float) -> np.ndarray:
    """The share of each pixel that is within `reach`, as its edge crosses the pixel."""
    return (reach + 0.5 - distance).clip(0, 1)


def _add(layer: np.ndarray, distance: np.ndarray, reach: float, strength: float) -> None:
    # The strongest counts, so that a line that crosses itself, or has a corner, is even.
    np.maximum(layer, strength * _coverage(distance, reach), out=layer)

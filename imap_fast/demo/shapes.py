"""The shapes of the demo world: antialiased outlines, and textures that turn with the object.

The formulas take the arrays of NumPy or of torch: their argument `xp` is that module.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np


def draw(
    shape: str, texture: str, side: int, centre: np.ndarray, radius: np.ndarray, angle: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one object in every frame of a clip.

    Args:
        shape: of `captions.SHAPES`.
        texture: of `captions.TEXTURES`.
        side: of the picture, in pixels.
        centre: `[T, 2]`, (x, y) in pixels.
        radius: `[T]`, about half the width of the shape, in pixels.
        angle: `[T]`, in radians, clockwise.

    Returns:
        Two fp64 arrays `[T, side, side]` in [0, 1]: the share of each pixel that the shape covers, and the shade of its
        texture there, from 0 (the colour of the object) to 1 (its shaded colour).
    """
    coverage, shade = np.zeros((2, len(centre), side, side))
    for frame, ((cx, cy), r, turn) in enumerate(zip(centre, radius, angle, strict=True)):
        # The shape covers no pixel outside of this box.
        left, top = (min(max(int(c - 1.3 * r), 0), side) for c in (cx, cy))
        right, bottom = (min(max(int(c + 1.3 * r) + 2, 0), side) for c in (cx, cy))
        box = np.s_[frame, top:bottom, left:right]
        y, x = np.ogrid[top:bottom, left:right]
        x, y = unit_coordinates(np, x + 0.5 - cx, y + 0.5 - cy, r, turn)
        coverage[box] = coverage_at(np, shape, x, y, r)
        shade[box] = shade_at(np, texture, x, y, r)
    return coverage, shade


def unit_coordinates(xp: ModuleType, x: Any, y: Any, radius: Any, angle: Any) -> tuple[Any, Any]:
    """The points of the unit shape at pixels that are `x` and `y` away from its centre. All arguments broadcast."""
    x, y = x / radius, y / radius
    return xp.cos(angle) * x + xp.sin(angle) * y, xp.cos(angle) * y - xp.sin(angle) * x


def coverage_at(xp: ModuleType, shape: str, x: Any, y: Any, radius: Any) -> Any:
    """The share of the pixel at each point of the unit shape that the shape covers."""
    return (0.5 - radius * _signed_distance(xp, shape, x, y)).clip(0, 1)


def shade_at(xp: ModuleType, texture: str, x: Any, y: Any, radius: Any) -> Any:
    """The shade of the texture at each point of the unit shape, from 0 to 1."""
    return (0.5 - radius * _texture_distance(xp, texture, x, y)).clip(0, 1)


def _signed_distance(xp: ModuleType, shape: str, x: Any, y: Any) -> Any:
    """The distance of each point to the outline of the unit shape, negative inside."""
    if shape == "circle":
        return xp.hypot(x, y) - 0.95
    corners = _CORNERS[shape]
    distance = xp.full_like(x, np.inf)
    inside = xp.zeros_like(x, dtype=bool)
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        ex, ey = bx - ax, by - ay
        along = (((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey)).clip(0, 1)
        distance = xp.minimum(distance, xp.hypot(x - ax - along * ex, y - ay - along * ey))
        if ay != by:
            inside ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) * ex / ey)
    return xp.where(inside, -distance, distance)


def _texture_distance(xp: ModuleType, texture: str, x: Any, y: Any) -> Any:
    """The distance of each point of the unit shape to the shaded parts of its texture, negative inside them."""
    if texture == "striped":
        return abs((x + 0.25) % 0.8 - 0.4) - 0.2
    if texture == "dotted":
        return xp.hypot((x + 0.35) % 0.7 - 0.35, (y + 0.35) % 0.7 - 0.35) - 0.2
    return xp.ones_like(x)


def _on_circle(angles: np.ndarray, radii: np.ndarray | float = 1.0, centre_y: float = 0.0) -> np.ndarray:
    """Points `[n, 2]` at these angles (degrees, clockwise from the top) around (0, `centre_y`); y points down."""
    angles = np.radians(angles)
    return np.stack([radii * np.sin(angles), centre_y - radii * np.cos(angles)], axis=1)


_ARM = 0.33  # half the width of an arm of the cross
_OUTLINES = {
    "square": 0.85 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]),
    "triangle": _on_circle(np.arange(3) * 120.0, 1.1, centre_y=0.2),
    "star": _on_circle(np.arange(10) * 36.0, np.where(np.arange(10) % 2, 0.5, 1.12), centre_y=0.05),
    "diamond": np.array([(0, -1.1), (0.8, 0), (0, 1.1), (-0.8, 0)]),
    "cross": np.concatenate(
        [[(x, y), (y, -x), (-x, -y), (-y, x)] for x, y in [(-_ARM, -1.0), (_ARM, -1.0), (_ARM, -_ARM)]]
    )[[0, 4, 8, 3, 7, 11, 2, 6, 10, 1, 5, 9]],
}
_CORNERS = {shape: corners.tolist() for shape, corners in _OUTLINES.items()}  # numbers, which suit any device

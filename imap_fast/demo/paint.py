"""The colours of the demo world, and how shapes are laid over a picture. NumPy arrays and torch tensors both fit."""

from __future__ import annotations

from typing import Any

import numpy as np

RGB = {
    "red": (222, 56, 49),
    "orange": (243, 142, 38),
    "yellow": (247, 214, 63),
    "green": (72, 178, 88),
    "blue": (50, 112, 222),
    "purple": (139, 77, 190),
    "pink": (242, 139, 183),
    "white": (244, 243, 238),
    "dark": (30, 32, 41),
    "grey": (122, 126, 132),
    "brown": (96, 70, 54),
}
_SHADED = 0.55  # brightness of the shaded parts of a texture

Array = Any
"""`np.ndarray` or `torch.Tensor`."""


def ground(colour: str, side: int) -> np.ndarray:
    """An empty picture, fp64 `[side, side, 3]` in [0, 255].

    Raises:
        ValueError: the side is too small for a scene.
    """
    if side < 16:
        raise ValueError(f"side={side}: give at least 16 pixels")
    # A brightness gradient from top to bottom makes the background look less artificial.
    return np.linspace(1.08, 0.92, side)[:, None, None] * np.broadcast_to(RGB[colour], (side, side, 3))


def with_speck(picture: Array, coverage: Array, tint: Array) -> Array:
    """The picture `[…, H, W, 3]` with a speck that covers `[…, H, W]` and adds `tint`, `[3]` or like the picture."""
    return picture + 0.9 * coverage[..., None] * tint


def with_object(frames: Array, coverage: Array, shade: Array, light: Array, colour: Array) -> Array:
    """The frames with an object.

    Args:
        frames: `[…, T, H, W, 3]` in [0, 255].
        coverage: share of each pixel that the object covers, `[…, T, H, W]`.
        shade: of its texture, like `coverage`.
        light: its brightness, `[…, T]`.
        colour: red, green and blue in [0, 255], `[3]` or like the frames.
    """
    light = light[..., None, None] * (1 - (1 - _SHADED) * shade)
    return frames + coverage[..., None] * (light[..., None] * colour - frames)

"""Saliency values → colour."""

import matplotlib
import numpy as np
import torch
from torch import Tensor

from imap_fast.render.upsample import upsample_space

LOW, HIGH = 5.0, 99.5
"""Percentiles of a concept's values that are drawn coldest and hottest."""

FLAT = 1e-5
"""A spread below this share of the values is rounding, and drawn cold."""

MOST_FRAMES = 2048
"""Latent frames that a scale is taken from."""

COLOURS = matplotlib.colormaps["inferno"]
SHADE, SATURATION = 0.8, 0.25
"""Brightness and colour left to the frame under the heat, whose own colours are then not mistaken for the frame's."""

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Of BT.709."""

_LEVELS = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
_OPACITY = 0.9 * _LEVELS
_FRAME = SHADE * (1 - _OPACITY)
_COLOUR = _OPACITY * COLOURS(_LEVELS[:, 0])[:, :3].astype(np.float32) * 255


def heat(values: Tensor) -> Tensor:
    """Each concept's values on a scale of its own from cold, 0, to hot, 1, by percentiles over the whole clip.

    A map that is constant but for rounding is cold all over, and so is a value that is not finite.

    Args:
        values: fp32 `[C, F, H, W]`.

    Returns:
        fp32 of the same shape, in [0, 1].
    """
    return on_scale(values, scales(values))


def scales(values: Tensor) -> list[tuple[float, float] | None]:
    """What is coldest and hottest of each concept, `[C, F, H, W]`; None where a map is constant but for rounding.

    Of a long video evenly spaced frames are asked, so that memory does not grow with it.
    """
    step = -(-values.shape[1] // MOST_FRAMES)
    return [_scale(concept[::step].numpy()) for concept in values]


def _scale(values: np.ndarray) -> tuple[float, float] | None:
    finite = values[np.isfinite(values)].astype(np.float64)
    if finite.size == 0:
        return None
    low, high = np.percentile(finite, (LOW, HIGH))
    return None if high - low <= FLAT * max(abs(low), abs(high)) else (low, high)


def on_scale(values: Tensor, scales: list[tuple[float, float] | None]) -> Tensor:
    """Values `[C, F, H, W]` on these scales, as `heat` gives them."""
    return torch.stack(
        [torch.from_numpy(_scaled(concept.numpy(), scale)) for concept, scale in zip(values, scales, strict=True)]
    )


def _scaled(values: np.ndarray, scale: tuple[float, float] | None) -> np.ndarray:
    if scale is None:
        return np.zeros_like(values)
    low, high = scale
    scaled = ((values - low) / (high - low)).clip(0, 1)
    return np.where(np.isfinite(values), scaled, 0).astype(np.float32)


def backdrop(frames: np.ndarray) -> np.ndarray:
    """Frames made pale, for heat to stand out on: uint8 `[T, H, W, 3]` → the same."""
    return np.stack([SATURATION * f + (1 - SATURATION) * (f @ LUMINANCE)[..., None] for f in frames]).astype(np.uint8)


def under_heat(frames: np.ndarray, hot: Tensor) -> np.ndarray:
    """Lay one concept's heat over frames, which show through where it is cold.

    Args:
        frames: of `backdrop`, uint8 `[T, H, W, 3]`.
        hot: fp32 `[T, h, w]`, in [0, 1].

    Returns:
        uint8 `[T, H, W, 3]`.
    """
    result = np.empty_like(frames)
    for frame, h, shown in zip(frames, hot, result, strict=True):
        level = np.rint(upsample_space(h, *frame.shape[:2]).numpy() * 255).astype(np.uint8)
        shown[:] = np.rint(_FRAME.take(level, 0) * frame + _COLOUR.take(level, 0))
    return result

"""From saliency values to heat, and from heat to colour."""

from collections.abc import Iterable, Sequence

import matplotlib
import numpy as np
import torch
from torch import Tensor

from imap_fast.upsampling.interpolate import upsample_space

LOW, HIGH = 5.0, 99.5
"""The percentiles of a concept's values that are drawn as the coldest and the hottest colour."""

FLAT = 1e-5
"""A range smaller than this share of the values is a rounding error, and drawn cold."""

MOST_FRAMES = 2048
"""The largest number of latent frames that a scale is computed from."""

COLOURS = matplotlib.colormaps["inferno"]
SHADE, SATURATION = 0.8, 0.25
"""Brightness and saturation of the frame under the heat. A pale frame is not mistaken for heat."""

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Weights of red, green and blue in the luminance of BT.709."""

_LEVELS = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
_OPACITY = 0.9 * _LEVELS
_FRAME = SHADE * (1 - _OPACITY)
_COLOUR = _OPACITY * COLOURS(_LEVELS[:, 0])[:, :3].astype(np.float32) * 255
_DRAWN = [np.rint(_FRAME * np.arange(256, dtype=np.float32) + colour[:, None]).astype(np.uint8) for colour in _COLOUR.T]
"""What is drawn in each channel, by the level of the heat and that of the frame, uint8 `[256, 256]`."""


def heat(values: Tensor) -> Tensor:
    """Scale the values of each concept to [0, 1], from cold to hot, by percentiles over the whole clip.

    A constant map (up to rounding) is cold everywhere. A value that is not finite is cold, too.

    Args:
        values: fp32 `[C, F, H, W]`.

    Returns:
        fp32 of the same shape, in [0, 1].
    """
    return apply_scales(values, heat_scales(values))


Values = Tensor | Sequence[Tensor]
"""The saliency of C concepts: fp32 `[C, F, H, W]`, or fp32 `[F, H, W]` of each, which may be of several maps."""

Scale = tuple[float, float] | None
"""The coldest and the hottest value of a concept. None if its map is constant up to rounding."""


def heat_scales(values: Values) -> list[Scale]:
    """The scale of each concept.

    A long video is sampled at evenly spaced frames, so that memory does not grow with its length.
    """
    return [_scale(concept[:: -(-len(concept) // MOST_FRAMES)].numpy()) for concept in values]


def _scale(values: np.ndarray) -> Scale:
    finite = values[np.isfinite(values)].astype(np.float64)
    if finite.size == 0:
        return None
    low, high = np.percentile(finite, (LOW, HIGH))
    return None if high - low <= FLAT * max(abs(low), abs(high)) else (low, high)


def apply_scales(values: Iterable[Tensor], scales: list[Scale]) -> Tensor:
    """The heat of the values of each concept on given scales, fp32 `[C, F, H, W]`; see `heat`."""
    return torch.stack(
        [torch.from_numpy(_scaled(concept.numpy(), scale)) for concept, scale in zip(values, scales, strict=True)]
    )


def _scaled(values: np.ndarray, scale: Scale) -> np.ndarray:
    if scale is None:
        return np.zeros_like(values)
    low, high = scale
    scaled = ((values - low) / (high - low)).clip(0, 1)
    return np.where(np.isfinite(values), scaled, 0).astype(np.float32)


def pale(frames: np.ndarray) -> np.ndarray:
    """Desaturated frames, on which heat stands out: uint8 `[T, H, W, 3]` → the same shape and dtype."""
    return np.stack([SATURATION * f + (1 - SATURATION) * (f @ LUMINANCE)[..., None] for f in frames]).astype(np.uint8)


def overlay_heat(frames: np.ndarray, heat: Tensor) -> np.ndarray:
    """Draw the heat of one concept over frames, which stay visible where it is cold.

    Args:
        frames: result of `pale`, uint8 `[T, H, W, 3]`.
        heat: fp32 `[T, h, w]`, in [0, 1].

    Returns:
        uint8 `[T, H, W, 3]`.
    """
    result = np.empty_like(frames)
    for frame, cold_to_hot, picture in zip(frames, heat, result, strict=True):
        height, width = frame.shape[:2]
        level = np.rint(upsample_space(cold_to_hot, height, width).numpy() * 255).astype(np.uint16) << 8
        for channel, drawn in enumerate(_DRAWN):
            picture[..., channel] = drawn.take(level | frame[..., channel])
    return result

"""The guided filter (He, Sun and Tang, ECCV 2010): in a neighbourhood, scores follow the colours of the frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from imap_fast.upsampling.interpolate import upsample_space

EPSILON = 1e-4
"""Variance of a colour in [0, 1] that an edge exceeds: noise of 2.5 of 255 levels. Where there is less, scores stay
bilinear, because a mean over the neighbourhood would lose small masks."""

RADIUS = 2.0
"""Radius of a neighbourhood, in patches."""

SAMPLED = 8
"""Pixels to which a radius is sampled: the fast guided filter (He and Sun, arXiv 1505.00996)."""


class Guided:
    """Scores of pixels that keep to the edges of each frame."""

    most_frames = 1

    def __init__(self) -> None:
        from kornia.filters import box_blur, guided_blur

        self._blur = guided_blur
        self._box_blur = box_blur

    def __call__(self, frames: Sequence[np.ndarray], scores: Tensor) -> Iterator[Tensor]:
        """See `imap_fast.masks.refinement.Refinement`."""
        for frame, score in zip(frames, scores.unbind(1), strict=True):
            height, width = frame.shape[:2]
            guidance = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].float() / 255
            size = _odd(RADIUS * height / score.shape[1], height), _odd(RADIUS * width / score.shape[2], width)
            bilinear = upsample_space(score, height, width)
            every = max(1, min(size) // (2 * SAMPLED))
            filtered = self._blur(guidance, bilinear[None], size, EPSILON, "replicate", every, separable=True)[0]
            variance = self._variance(guidance, size, every)
            yield torch.lerp(bilinear, filtered, variance / (variance + EPSILON))

    def _variance(self, guidance: Tensor, size: tuple[int, int], every: int) -> Tensor:
        """The variance of the colours around each pixel, that of the colour that varies most: fp32 `[1, H, W]`."""
        means = F.avg_pool2d(torch.cat([guidance, guidance**2], 1), every, ceil_mode=True)
        means = self._box_blur(means, (size[0] // every | 1, size[1] // every | 1), "replicate", separable=True)
        colour, square = means.chunk(2, 1)
        variance = (square - colour**2).amax(1).clamp(min=0)
        return upsample_space(variance, *guidance.shape[2:])


def _odd(radius: float, side: int) -> int:
    """The side of a neighbourhood in pixels."""
    return 2 * min(max(1, round(radius)), (side - 1) // 2) + 1

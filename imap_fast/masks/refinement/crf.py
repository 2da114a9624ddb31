"""The fully connected conditional random field (Krähenbühl and Koltun, NIPS 2011): pixels that are near each other and
of similar colour are in the same mask.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from imap_fast.upsampling.interpolate import upsample_space

CONFIDENCE = 4.0
"""How sure a score is: the log-odds of a score of 1."""

NEAR, NEAR_WEIGHT = 3.0, 3.0
"""The kernel that removes specks: its width in pixels, and its weight."""

SIMILAR, COLOUR, SIMILAR_WEIGHT = 2.0, 13.0, 10.0
"""The kernel of appearance: its width in patches and in levels of colour, and its weight. The weights and the other
widths are those of the published code."""

STEPS = 5
"""Iterations of mean-field inference."""


class DenseCRF:
    """Scores of pixels: how far the probability of a mask is above one half. Each concept is its own field."""

    most_frames = 1

    def __init__(self) -> None:
        from pydensecrf import densecrf

        self._field = densecrf.DenseCRF2D

    def __call__(self, frames: Sequence[np.ndarray], scores: Tensor) -> Iterator[Tensor]:
        """See `imap_fast.masks.refinement.Refinement`."""
        for frame, score in zip(frames, scores.unbind(1), strict=True):
            height, width = frame.shape[:2]
            frame = np.ascontiguousarray(frame)
            wide = SIMILAR * width / score.shape[-1], SIMILAR * height / score.shape[-2]
            odds = CONFIDENCE * upsample_space(score, height, width)
            yield torch.stack([self._probability(frame, each, wide) - 0.5 for each in odds])

    def _probability(self, frame: np.ndarray, odds: Tensor, wide: tuple[float, float]) -> Tensor:
        height, width = odds.shape
        field = self._field(width, height, 2)
        energy = -torch.nn.functional.logsigmoid(torch.stack([-odds, odds])).flatten(1)
        field.setUnaryEnergy(energy.numpy().astype(np.float32))
        field.addPairwiseGaussian(sxy=NEAR, compat=NEAR_WEIGHT)
        field.addPairwiseBilateral(sxy=wide, srgb=COLOUR, rgbim=frame, compat=SIMILAR_WEIGHT)
        return torch.from_numpy(np.array(field.inference(STEPS)))[1].view(height, width)

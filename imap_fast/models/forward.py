"""One forward pass of a transformer, as a trace sees it before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Grid = tuple[int, int, int]
"""Latent frames and patches of a video: F, H and W."""


@dataclass(frozen=True)
class Forward:
    """A forward pass that is about to run.

    Attributes:
        arguments: the arguments of the call, by name.
        batch: rows of the batch.
        grid: `(F, H, W)`, latent frames and patches of the video.
        text_length: T, text tokens with their padding.
        multiplicity: fp32 `[K]` with K ≤ T: how many equal text rows each of the first K rows represents. Equal padding
            rows after the prompt are carried as one row.
        video: where the tokens of the video are among the visual ones, in order. Beside them may be those of images, or
            of other frames.
        comes_before: whether the frames come before those of the sections that the run has made. If not, they come
            behind them.
    """

    arguments: Mapping[str, Any]
    batch: int
    grid: Grid
    text_length: int
    multiplicity: Tensor
    video: tuple[slice, ...]
    comes_before: bool = False

    def of_video(self, rows: Tensor) -> Tensor:
        """Those of the visual rows `[…, N, d]` that are of the video. If they are in one place, this is a view."""
        parts = [rows[..., part, :] for part in self.video]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-2)

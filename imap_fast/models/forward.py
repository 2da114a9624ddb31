"""One forward pass of a transformer, as a trace sees it before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor


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
        video: the visual tokens of the video. Before or behind them may be those of images, or of other frames.
    """

    arguments: Mapping[str, Any]
    batch: int
    grid: tuple[int, int, int]
    text_length: int
    multiplicity: Tensor
    video: slice

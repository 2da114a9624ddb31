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
        references: the number of visual tokens before those of the video, of images or of frames that it goes on from.
    """

    arguments: Mapping[str, Any]
    batch: int
    grid: tuple[int, int, int]
    text_length: int
    multiplicity: Tensor
    references: int = 0

"""The grid on which the maps of two runs are compared: along each axis, that of the run whose patches are larger.

Two models may see different parts of a video, and cut them into different patches. So patches are placed in the video,
and only places that both models saw are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from imap_fast.upsampling.interpolate import Neighbours, between, neighbours_at

SEEN = 0.9
"""The share of a patch that the other model must have seen. Windows are rounded to pixels, so some overlap by less."""


@dataclass(frozen=True, eq=False)
class Placed:
    """Where the maps of a run lie in the video.

    Attributes:
        grid: F latent frames of H × W patches.
        rows: of the video that the model saw, in pixels.
        columns: the same.
        times: of the latent frames, in video frames, fp64 `[F]`.
        cuts: the video frames at which a shot begins, without the first one.
    """

    grid: tuple[int, int, int]
    rows: slice
    columns: slice
    times: Tensor
    cuts: Sequence[int]


@dataclass(frozen=True, eq=False)
class ToShared:
    """Brings the maps of one run to the shared grid: by the areas of patches, and between latent frames.

    Attributes:
        down: the weight of each row of patches in each shared one, fp64 `[h, H]`.
        across: the same of columns, `[w, W]`.
        frames: the latent frames next to each shared one.
    """

    down: Tensor
    across: Tensor
    frames: Neighbours

    def __call__(self, values: Tensor) -> Tensor:
        """Values `[F, H, W]` of one concept on the shared grid, fp64 `[f, h, w]`."""
        small = torch.stack([self.down @ frame.double() @ self.across.T for frame in values])
        return between(small, self.frames._replace(weight=self.frames.weight.double()))


def shared_grid(one: Placed, other: Placed) -> tuple[ToShared, ToShared]:
    """What brings the maps of each of two runs to the grid on which they are compared.

    Its latent frames are those of the run that has fewer.
    """
    times = min(one.times, other.times, key=len)
    down = _weights(_edges(one.rows, one.grid[1]), _edges(other.rows, other.grid[1]))
    across = _weights(_edges(one.columns, one.grid[2]), _edges(other.columns, other.grid[2]))
    first, second = (
        ToShared(of_rows, of_columns, neighbours_at(times, run.times, run.cuts))
        for run, of_rows, of_columns in zip((one, other), down, across, strict=True)
    )
    return first, second


def _edges(seen: slice, patches: int) -> Tensor:
    """Where the patches of an axis begin and end in the video, in pixels, fp64 `[patches + 1]`."""
    return torch.linspace(seen.start, seen.stop, patches + 1, dtype=torch.float64)


def _weights(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """How much of each patch of both runs is in each shared patch, whose parts add up to 1."""
    coarse, fine = sorted((one, other), key=lambda edges: float(edges[0] - edges[1]))
    low, high = coarse[:-1], coarse[1:]
    seen = high.clamp(max=fine[-1]) - low.clamp(min=fine[0])
    kept = seen >= SEEN * (high - low)
    low, high = low[kept, None], high[kept, None]
    lengths = [(torch.minimum(high, edges[1:]) - torch.maximum(low, edges[:-1])).clamp(min=0) for edges in (one, other)]
    first, second = (length / length.sum(1, keepdim=True) for length in lengths)
    return first, second

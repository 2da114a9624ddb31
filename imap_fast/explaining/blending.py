"""Overlapping windows are blended here, into one stream of latent frames."""

from __future__ import annotations

import torch
from torch import Tensor

from imap_fast.maps.names import TIMES


def blend_weights(frames: int) -> Tensor:
    """Weights of the later window over the latent frames that two windows share, fp64 `[frames]`.

    They rise from 0 to 1 like half a cosine. The earlier window has the rest, so that the weights of a latent frame sum
    to 1.
    """
    position = torch.arange(1, frames + 1, dtype=torch.float64) / (frames + 1)
    return (1 - torch.cos(torch.pi * position)) / 2


class Blender:
    """Joins the values of windows to one stream of latent frames.

    Args:
        begin: the latent frame of the video at which `pending` begins.
        pending: the latent frames that a later window may still change, `[F, …]` by name. They are at most one window.
            All values are blended except `TIMES`: the later window knows only a part of its first latent frame.
    """

    def __init__(self, begin: int, pending: dict[str, Tensor]) -> None:
        self.begin, self.pending = begin, pending

    def add(self, begin: int, values: dict[str, Tensor]) -> dict[str, Tensor]:
        """Add a window that begins at latent frame `begin`, and return the latent frames before it, which are final."""
        before = begin - self.begin if self.pending else 0
        pending = self.pending or {name: tensor[:0] for name, tensor in values.items()}
        final = {name: tensor[:before] for name, tensor in pending.items()}
        self.begin, self.pending = begin, {}
        for name, later in values.items():
            earlier = pending[name][before:]
            if name not in TIMES:
                weight = blend_weights(len(earlier)).to(later.dtype).view(-1, *[1] * (later.ndim - 1))
                earlier = torch.lerp(earlier, later[: len(earlier)], weight)
            self.pending[name] = torch.cat([earlier, later[len(earlier) :]])
        return final

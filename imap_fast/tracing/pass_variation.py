"""How the maps of forward passes differ, from their running sum alone. Nothing is added to the work of a layer."""

from __future__ import annotations

import torch
from torch import Tensor

from imap_fast.maps.agreement import agreement


class PassVariation:
    """Follows a running sum of maps from pass to pass.

    It keeps a copy of the sum before a pass, and the squared distances of the passes from their mean, which Welford's
    update ("Note on a method for calculating corrected sums of squares and products", 1962) adds up. Nothing waits for
    the device.

    Args:
        total: the running sum, fp32 `[V, M, K, N]`, to which passes add in place.
        token_weights: how much each of K text rows counts in the map of each concept, fp32 `[C, K]`. None: each row is
            a map by itself.
    """

    def __init__(self, total: Tensor, token_weights: Tensor | None) -> None:
        self._total, self._token_weights = total, token_weights
        self._totals: list[Tensor] = []  # the mean of the sum over positions after each pass
        self._before: Tensor | None = None
        self._squares: Tensor | None = None

    def end_pass(self) -> None:
        """Count a pass."""
        self._totals.append(self._total.mean(-1))
        passes = len(self._totals)
        if self._before is None:
            with torch.inference_mode(False):  # it may go on outside of it
                self._before = self._total.clone()
            return
        # The distance of this pass from the mean of the passes before it.
        distance = torch.add(self._total, self._before, alpha=-passes / (passes - 1))
        if self._token_weights is not None:
            distance = self._token_weights @ distance
        if self._squares is None:
            with torch.inference_mode(False):
                self._squares = torch.zeros(distance.shape, dtype=distance.dtype, device=distance.device)
        self._squares.addcmul_(distance, distance, value=(passes - 1) / passes)
        self._before.copy_(self._total)

    def squares(self) -> Tensor:
        """The sum of the squared distances from the mean over two passes or more, fp32 `[V, M, C, N]`.

        C is K without `token_weights`.

        Raises:
            RuntimeError: there were not two passes.
        """
        if self._squares is None:
            raise RuntimeError(f"{len(self._totals)} forward passes do not vary; read two or more")
        return self._squares

    def levels(self) -> Tensor:
        """The mean over positions in each of S passes, fp32 `[V, M, K, S]`."""
        totals = torch.stack(self._totals, dim=-1)
        return totals.diff(prepend=torch.zeros_like(totals[..., :1]))


def agreement_of_passes(mean: Tensor, squares: Tensor, levels: Tensor) -> Tensor:
    """The agreement of the maps of S passes, fp32 `[V, C]`.

    Args:
        mean: the mean over passes, `[V, C, F, H, W]`.
        squares: the sum of the squared distances from it, in its shape.
        levels: the mean over positions in each pass, `[V, C, S]`.
    """
    positions = mean[0, 0].numel()
    of_maps = torch.stack([part.double().sum((-3, -2, -1)) for part in (mean.double().square(), squares)])
    return agreement(torch.cat([positions * levels.double().movedim(-1, 0), of_maps]), positions)

"""How the maps of repeats differ, from their running sum alone. Nothing is added to the work of a layer.

The repeats of a trace are its forward passes, or its runs if the maps are the mean of runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from imap_fast.maps.agreement import CONSTANT, agreement


class RepeatVariation:
    """Follows a running sum of maps from repeat to repeat.

    It keeps a copy of the sum before a repeat, and the squared distances of the repeats from their mean, which the
    update of Welford ("Note on a method for calculating corrected sums of squares and products", 1962) adds up. Nothing
    waits for the device.

    Args:
        total: the running sum, fp32 `[V, M, K, N]`, to which repeats add in place.
        token_weights: how much each of K text rows counts in the map of each concept, fp32 `[C, K]`. None: each row is
            a map by itself.
    """

    def __init__(self, total: Tensor, token_weights: Tensor | None) -> None:
        self._total, self._token_weights = total, token_weights
        self._totals: list[Tensor] = []  # the mean of the sum over positions after each repeat
        self._before: Tensor | None = None
        self._squares: Tensor | None = None

    @property
    def count(self) -> int:
        """The number of repeats that ended."""
        return len(self._totals)

    def begin_pass(self) -> None:
        """Keep the sum of the first repeat, before a second one adds to it. A single one costs no memory."""
        if self.count == 1 and self._before is None:
            with torch.inference_mode(False):  # it may go on outside of it
                self._before = self._total.clone()

    def end_repeat(self) -> None:
        """Count a repeat, whose maps are in the sum."""
        self._totals.append(self._total.mean(-1))
        if self._before is None:
            return
        # The distance of this repeat from the mean of those before it.
        distance = torch.add(self._total, self._before, alpha=-self.count / (self.count - 1))
        if self._token_weights is not None:
            # Autocast of the pipeline would lower this product.
            with torch.autocast(distance.device.type, enabled=False):
                distance = self._token_weights @ distance
        if self._squares is None:
            with torch.inference_mode(False):
                self._squares = torch.zeros(distance.shape, dtype=distance.dtype, device=distance.device)
        self._squares.addcmul_(distance, distance, value=(self.count - 1) / self.count)
        self._before.copy_(self._total)

    def squares(self) -> Tensor:
        """The sum of the squared distances from the mean over two repeats or more, fp32 `[V, M, C, N]`.

        C is K without `token_weights`.

        Raises:
            RuntimeError: there were not two repeats.
        """
        if self._squares is None:
            raise RuntimeError(f"there is no variation without two repeats, and {self.count} ended")
        return self._squares

    def levels(self) -> Tensor:
        """The mean over positions in each of R repeats, fp32 `[V, M, K, R]`."""
        totals = torch.stack(self._totals, dim=-1)
        return totals.diff(prepend=torch.zeros_like(totals[..., :1]))


def agreement_of_repeats(mean: Tensor, squares: Tensor, levels: Tensor) -> Tensor:
    """The agreement of the mean maps of R repeats, fp32 `[V, C]`.

    Args:
        mean: the mean over repeats, `[V, C, F, H, W]`.
        squares: the sum of the squared distances from it, in its shape.
        levels: the mean over positions in each repeat, `[V, C, R]`.
    """
    positions = mean[0, 0].numel()
    mean, levels = mean.double().flatten(2), levels.double()
    # Relative to their own means: the two are rounded in different ways, which a large offset would not forgive.
    centred, level = mean - mean.mean(-1, keepdim=True), levels - levels.mean(-1, keepdim=True)
    between, deviations = centred.square().sum(-1), squares.double().flatten(2).sum(-1)
    sums = torch.cat([positions * level.movedim(-1, 0), between[None], deviations[None]])
    is_constant = between <= CONSTANT * mean.square().sum(-1)
    return torch.where(is_constant, 0.0, agreement(sums, positions))


def token_weights(tokens: Sequence[Sequence[int]], rows: int) -> Tensor:
    """How much each text row counts in the mean over the tokens of each concept, fp32 `[C, rows]` on the CPU."""
    weights = torch.zeros((len(tokens), rows), dtype=torch.float32, device="cpu")
    for weight, of_concept in zip(weights, tokens, strict=True):
        weight[list(of_concept)] = 1 / len(of_concept)
    return weights

"""How sure a map is: the agreement of its repeats, such as maps of the same video under other noise.

The agreement is the intraclass correlation ICC(C,k) of McGraw & Wong 1996, "Forming inferences about some intraclass
correlation coefficients": two-way, consistency, average of k. The n positions of a map are its targets, and the k
repeats are its raters. With x_ij of position i in repeat j, the mean m_i of a position, c_j of a repeat, and m of all:

```
MSR = k Σ_i (m_i − m)² / (n − 1)
MSE = (Σ_i Σ_j (x_ij − m_i)² − n Σ_j (c_j − m)²) / ((n − 1) (k − 1))
agreement = 1 − MSE / MSR, at least 0
```

It is the correlation to expect between this map and the mean of k other repeats. A map that is the same everywhere, so
that MSR is 0, has the agreement 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

CONSTANT = torch.finfo(torch.float32).eps ** 2
"""The variance of a map, relative to its mean square, that fp32 does not tell from 0."""


def sums_of_repeats(repeats: Tensor) -> Tensor:
    """The sums over positions that `agreement` needs. Those of the parts of a video add up.

    Args:
        repeats: a part of k repeats of C maps, fp64 `[F, k, C, H, W]`.

    Returns:
        fp64 `[k + 2, C]`: Σ_i x_ij of each repeat j, then Σ_i m_i², then Σ_i Σ_j (x_ij − m_i)².
    """
    mean = repeats.mean(1)
    totals = repeats.sum((0, 3, 4))
    squares, deviations = mean.square().sum((0, 2, 3)), (repeats - mean[:, None]).square().sum((0, 1, 3, 4))
    return torch.cat([totals, torch.stack([squares, deviations])])


def agreement(sums: Tensor, positions: int) -> Tensor:
    """The agreement of each map, fp32 `[…]` in [0, 1].

    Args:
        sums: over all positions, fp64 `[k + 2, …]`, as `sums_of_repeats` returns them.
        positions: n, the number of positions.
    """
    totals, squares, deviations = sums[:-2], sums[-2], sums[-1]
    levels = totals / positions
    between = squares - positions * levels.mean(0).square()
    error = deviations - positions * (levels - levels.mean(0)).square().sum(0)
    # MSE / MSR, of which the factors n − 1 cancel.
    ratio = error / ((len(totals) - 1) * len(totals) * between)
    is_constant = between <= CONSTANT * squares
    return torch.where(is_constant, 0.0, 1 - ratio).clamp(0, 1).float()

"""Whether windows can be seen in maps: how far neighbouring latent frames are apart where one window hands over."""

from __future__ import annotations

from itertools import pairwise
from math import nan

import torch
from torch import Tensor

from imap_fast.explaining.windows import Windows


def seam(values: Tensor, windows: Windows) -> float:
    """The mean step between neighbouring latent frames where windows meet, over the mean step within them.

    1 means that nothing shows the windows. A step is the mean absolute difference. Two windows meet in all steps that
    lead to, through or out of the latent frames that they share. NaN: they share so many that no step lies between.

    Args:
        values: a map of one shot, `[C, F, H, W]`, of at least two windows.
        windows: of the shot.
    """
    steps = values.diff(dim=1).abs().mean((0, 2, 3))
    is_border = torch.zeros(len(steps), dtype=torch.bool)
    meetings = list(pairwise(begins(values.shape[1], windows)))
    for earlier, later in meetings:
        is_border[later - 1 : earlier + windows.latent_frames] = True
    places = is_border.nonzero().flatten()
    if len(meetings) > 1 and is_border[places[0] : places[-1] + 1].all():
        return nan
    return (steps[is_border].mean() / steps[~is_border].mean()).item()


def begins(latent_frames: int, windows: Windows) -> list[int]:
    """The latent frames at which the windows of a shot begin. The last one is shifted back to full length."""
    last = max(0, latent_frames - windows.latent_frames)
    return [*range(0, last, windows.stride), last]

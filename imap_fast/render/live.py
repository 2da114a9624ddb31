"""Maps while a video is made: small pictures that cost little to draw after each step."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from imap_fast.render.heatmap import COLOURS, apply_scales, heat_scales
from imap_fast.render.spacing import evenly_spaced


def heat_strips(values: list[Tensor], frames: int, most_patches: int, gap: int = 1) -> list[np.ndarray]:
    """A strip of latent frames side by side for each concept, a pixel for each patch.

    Args:
        values: of the concepts, fp32 `[F, H, W]` each. A value that is not finite is cold.
        frames: how many latent frames a strip shows at most, evenly spaced.
        most_patches: the largest width of a frame, in pixels. Larger frames are averaged.
        gap: pixels between two frames, which are white.

    Returns:
        uint8 `[h, width, 3]` of each concept.
    """
    strips = []
    for concept in values:
        shown = concept[evenly_spaced(len(concept), frames)]
        (heat,) = apply_scales([shown], heat_scales([concept]))
        height, width = heat.shape[-2:]
        if width > most_patches:
            heat = F.adaptive_avg_pool2d(heat, (max(1, round(height * most_patches / width)), most_patches))
        tiles = torch.from_numpy(COLOURS(heat.numpy())[..., :3] * 255).round().to(torch.uint8)
        padded = F.pad(tiles, (0, 0, 0, gap), value=255)
        strips.append(padded.transpose(0, 1).flatten(1, 2)[:, : padded.shape[2] * len(padded) - gap].numpy())
    return strips

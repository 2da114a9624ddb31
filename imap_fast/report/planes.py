"""Maps and masks as the page of a report stores them: 8 bits for each patch, one sequence of latent frames for each
concept.

They stay on the latent grid. The page upsamples them as `SaliencyMaps.upsample` does. So a long video takes a few
kilobytes for a second of each concept, and a map is decompressed only when it is shown.
"""

import zlib
from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
from scipy import ndimage
from torch import Tensor

from imap_fast.masks.components import dropped, without
from imap_fast.masks.scale import scales_of, scores_of
from imap_fast.masks.threshold import Threshold
from imap_fast.render.heatmap import heat

OUT, IN = -128, 127
"""The lowest and the highest level of a mask."""

BESIDE = np.ones((3, 3, 3), bool)
"""The patches next to a patch in space and time, between which a mask is interpolated."""


def pack(values: Tensor) -> bytes:
    """Compress the heat of one concept.

    Args:
        values: saliency, fp32 `[F, H, W]`.

    Returns:
        a zlib stream of uint8 `[F, H, W]`, from 0 for cold to 255 for hot (`imap_fast.render.heatmap`).
    """
    levels = np.rint(heat(values[None])[0].numpy() * 255).astype(np.uint8)
    return zlib.compress(levels.tobytes(), 6)


def pack_mask(values: Tensor, latents_of_shots: Sequence[int], threshold: Threshold) -> bytes:
    """Compress how far one concept is above its threshold, from which the page draws the mask of `SaliencyMaps.masks`.

    Levels of patches that have no edge of the mask beside them, in space or time, do not matter: they are all the
    same, and take no room.

    Args:
        values: saliency, finite fp32 `[F, H, W]`.
        latents_of_shots: the number of latent frames in each shot.
        threshold: from `check_threshold`.

    Returns:
        a zlib stream of uint8 `[F, H, W]`. A patch is in the mask from 128 on, and interpolated values from 127.5 on.
    """
    scales = scales_of([values], threshold)
    shots = [slice(*shot) for shot in pairwise(accumulate(latents_of_shots, initial=0))]
    scores = without(scores_of([values], scales), dropped([values], scales, shots))[0].numpy()
    levels = np.floor(scores / (np.abs(scores).max() or 1) * IN)  # down, so that no patch below the threshold is in
    inside = scores >= 0
    levels[~ndimage.binary_dilation(inside, BESIDE)] = OUT
    levels[~ndimage.binary_dilation(~inside, BESIDE)] = IN
    return zlib.compress((levels - OUT).astype(np.uint8).tobytes(), 6)

"""Maps as the page of a report stores them: 8 bits for each patch, one sequence of latent frames for each concept.

They stay on the latent grid. The page upsamples them as `SaliencyMaps.upsample` does. So a long video takes a few
kilobytes for a second of each concept, and a map is decompressed only when it is shown.
"""

import zlib

import numpy as np
from torch import Tensor

from imap_fast.render.heatmap import heat


def pack(values: Tensor) -> bytes:
    """Compress the heat of one concept.

    Args:
        values: saliency, fp32 `[F, H, W]`.

    Returns:
        a zlib stream of uint8 `[F, H, W]`, from 0 for cold to 255 for hot (`imap_fast.render.heatmap`).
    """
    levels = np.rint(heat(values[None])[0].numpy() * 255).astype(np.uint8)
    return zlib.compress(levels.tobytes(), 6)

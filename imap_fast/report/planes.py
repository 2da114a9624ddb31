"""Maps as a page holds them: 8 bits a patch, one sequence of latent frames for each concept.

They stay on the latent grid. The page brings them to the video's frames and pixels as `SaliencyMaps.upsample` does, so
a long video costs a few kilobytes for a second of each concept, and none of them is decoded before it is shown.
"""

import zlib

import numpy as np
from torch import Tensor

from imap_fast.render.heat import heat


def pack(values: Tensor) -> bytes:
    """One concept's heat in 8 bits, deflated.

    Args:
        values: fp32 `[F, H, W]`.

    Returns:
        zlib's stream of uint8 `[F, H, W]`, 0 for cold and 255 for hot (`imap_fast.render.heat`).
    """
    levels = np.rint(heat(values[None])[0].numpy() * 255).astype(np.uint8)
    return zlib.compress(levels.tobytes(), 6)

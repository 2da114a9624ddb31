"""Maps the colours of HDR and of wide gamuts to those of a screen (BT.709), by a table that FFmpeg makes once.

FFmpeg itself makes its table for each size and each thread anew, which takes seconds.
"""

from __future__ import annotations

from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

UNKNOWN = 2
"""What a file says of its primaries or transfer if it says nothing. Such numbers are those of ITU-T H.273."""

BT709, BT2020 = 1, 9
WIDE_PRIMARIES = {BT2020: "BT.2020", 11: "DCI-P3", 12: "Display P3"}
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}

STEPS = 65
"""Values of red, of green and of blue in the table. Colours between them are interpolated."""

_MAKING = Lock()


def is_wide(primaries: int, transfer: int) -> bool:
    """Whether colours are others than those of a screen."""
    return primaries in WIDE_PRIMARIES or transfer in HDR_TRANSFERS


def on_screen(picture: np.ndarray, primaries: int, transfer: int) -> np.ndarray:
    """A picture in the colours of a screen, uint8 RGB `[H, W, 3]`.

    Args:
        picture: uint16 RGB `[H, W, 3]`, full range.
        primaries: of the picture, as numbers of H.273 like `transfer`.
        transfer: of the picture.
    """
    import torch
    import torch.nn.functional as F

    with _MAKING:
        table = _table(primaries, transfer)
    # The last axis of the table is blue, which `grid_sample` calls x.
    places = torch.from_numpy(picture[..., ::-1].astype(np.float32)) * (2 / 65535) - 1
    colours = F.grid_sample(table, places[None, None], mode="bilinear", padding_mode="border", align_corners=True)
    return (colours[0, :, 0] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


@lru_cache(maxsize=4)
def _table(primaries: int, transfer: int) -> Tensor:
    """The colours of a screen, fp32 `[1, 3, STEPS, STEPS, STEPS]` in [0, 1], by red, green and blue of a picture."""
    import torch
    from av import VideoFrame
    from av.filter import Graph

    values = np.rint(np.linspace(0, 65535, STEPS)).astype(np.uint16)
    lattice = np.stack(np.meshgrid(values, values, values, indexing="ij"), -1).reshape(STEPS * STEPS, STEPS, 3)
    frame = VideoFrame.from_ndarray(lattice, format="rgb48le")
    # Colours of a file that names only one of both are what they usually are.
    gamut = BT2020 if primaries == UNKNOWN else primaries
    brightness = BT709 if transfer == UNKNOWN else transfer
    # First the brightness, then the gamut: both at once make even colours pale that a screen has.
    tones = (
        f"in_primaries={gamut}:in_transfer={brightness}:out_primaries={gamut}:out_transfer={BT709}:intent=perceptual"
    )
    colours = f"in_primaries={gamut}:in_transfer={BT709}:out_primaries={BT709}:out_transfer={BT709}"
    graph = Graph()
    steps = [
        graph.add("buffer", f"video_size={frame.width}x{frame.height}:pix_fmt=rgb48le:time_base=1/1"),
        *([graph.add("scale", tones)] if transfer in HDR_TRANSFERS else []),
        graph.add("scale", f"{colours}:intent=relative_colorimetric"),
        graph.add("format", "rgb48le"),
        graph.add("buffersink", ""),
    ]
    graph.link_nodes(*steps).configure()
    graph.push(frame)
    mapped = graph.pull().to_ndarray().reshape(STEPS, STEPS, STEPS, 3)
    return torch.from_numpy(mapped.astype(np.float32) / 65535).permute(3, 0, 1, 2)[None].contiguous()

"""A clip and maps whose frame numbers can be read from a picture.

A white square slides right by 8 pixels a frame in the upper half. The map of "below" is hot exactly 48 pixels under it,
where the video is black. In a picture, the square shows the frame of the video, and the hot spot that of the map.
"""

import numpy as np
import torch

from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.video import Clip

FRAMES, HEIGHT, WIDTH, PATCH, SIDE = 17, 96, 160, 8, 24
TOP, DOWN = 8, 48

LABELS = ("below", "late", "background")


def square_left(frame: int) -> int:
    """The left side of the square, in pixels."""
    return PATCH * frame


def make_clip(fps: float = 8.0) -> Clip:
    frames = np.zeros((FRAMES, HEIGHT, WIDTH, 3), np.uint8)
    for frame, picture in enumerate(frames):
        picture[TOP : TOP + SIDE, square_left(frame) : square_left(frame) + SIDE] = 255
    return Clip(frames, fps)


def lose_a_score(maps: SaliencyMaps) -> SaliencyMaps:
    """The maps, of which the last head in the first layer has no score any more."""
    maps.head_scores[0, 3] = float("nan")
    return maps


def make_maps(**settings) -> SaliencyMaps:
    """Maps of every frame on patches of 8 pixels. "late" is hot from frame 9 on, on all patches."""
    grid = FRAMES, HEIGHT // PATCH, WIDTH // PATCH
    imap = torch.zeros(len(LABELS), *grid)
    wide = SIDE // PATCH
    for frame in range(FRAMES):
        row, column = (TOP + DOWN) // PATCH, square_left(frame) // PATCH
        imap[0, frame, row : row + wide, column : column + wide] = 1
    imap[1, 9:] = 1
    imap[2] = torch.linspace(0, 1, grid[2])
    scores = torch.tensor([[3.0, 1.0, 2.0, 0.5], [40.0, 10.0, 30.0, 20.0]])
    return SaliencyMaps(
        maps={"imap": imap, "gramcol": imap.flip(0)},
        labels=LABELS,
        layers=(2, 5),
        steps=(30,),
        head_scores=scores,
        selected_heads=torch.tensor([[0, 2], [0, 2]]),
        settings={"model": "a/model", "prompt": "a square slides right", "temporal_compression": 1, **settings},
    )

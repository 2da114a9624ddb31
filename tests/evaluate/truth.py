"""Examples, and maps that know the truth about them."""

import numpy as np
import torch

from imap_fast.evaluate.example import Example, GroundTruth
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.text.words import BACKGROUND
from imap_fast.video import Clip

FRAMES, HEIGHT, WIDTH = 6, 8, 10


def square(begin: int = 0, end: int = FRAMES) -> np.ndarray:
    """A mask bool `[T, H, W]`: a square that goes right, in the frames from `begin` to `end`."""
    mask = np.zeros((FRAMES, HEIGHT, WIDTH), bool)
    for frame in range(begin, end):
        mask[frame, 2:5, frame : frame + 3] = True
    return mask


def example(
    *truths: GroundTruth,
    annotated: range | list[int] | None = None,
    frames: int = FRAMES,
    void: np.ndarray | None = None,
) -> Example:
    """A clip of these frames, all of which are annotated by default."""
    clip = Clip(np.zeros((frames, HEIGHT, WIDTH, 3), np.uint8))
    concepts = (*(truth.label for truth in truths), BACKGROUND)
    numbers = np.arange(frames) if annotated is None else np.array(list(annotated))
    return Example(clip, "a square slides", concepts, truths, numbers, void=void)


def maps_of(**values: np.ndarray) -> SaliencyMaps:
    """`imap` of these concepts, `[T, H, W]` each, at the size of the video."""
    stacked = torch.stack([torch.from_numpy(np.asarray(value, np.float32)) for value in values.values()])
    frames, height, width = stacked.shape[1:]
    read = {"num_frames": frames, "height": height, "width": width}
    return SaliencyMaps(
        maps={"imap": stacked},
        labels=tuple(values),
        layers=(0,),
        steps=(0,),
        head_scores=torch.zeros(1, 2),
        selected_heads=torch.zeros(1, 1, dtype=torch.int64),
        settings={"temporal_compression": 1, "patch_size_t": 1, "video": read},
    )

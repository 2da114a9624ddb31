"""Resizes frames to the size of a model."""

import numpy as np
import torch
import torch.nn.functional as F

from imap_fast.video.crop import cover_size


def resize_and_crop(frames: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scale frames to cover `height × width` (bicubic, antialiased), and crop them evenly.

    Args:
        frames: uint8 `[T, H, W, 3]`.
        height: new height, in pixels.
        width: new width, in pixels.

    Returns:
        uint8 `[T, height, width, 3]`. `frames` itself if it already has the size.

    Raises:
        ValueError: `height` or `width` below 1.
    """
    if height < 1 or width < 1:
        raise ValueError(f"height and width must be at least 1 pixel, not {height} × {width}")
    source_height, source_width = frames.shape[1:3]
    if (source_height, source_width) == (height, width):
        return frames
    cover = cover_size(source_height, source_width, height, width)
    top, left = (cover[0] - height) // 2, (cover[1] - width) // 2

    result = np.empty((len(frames), height, width, 3), np.uint8)
    # Frame by frame: the float copy of only one frame is in memory.
    for source, target in zip(frames, result, strict=True):
        channels_first = torch.from_numpy(np.ascontiguousarray(source)).permute(2, 0, 1)[None].float()
        covering = F.interpolate(channels_first, cover, mode="bicubic", align_corners=False, antialias=True)
        cropped = covering[0, :, top : top + height, left : left + width]
        target[:] = cropped.round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return result

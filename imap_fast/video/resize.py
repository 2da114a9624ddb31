"""Frames → the size that a model was made for."""

import numpy as np
import torch
import torch.nn.functional as F


def resize_and_crop(frames: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scale frames until they just cover `height × width`, and cut off evenly what stands out (bicubic, antialiased).

    Args:
        frames: uint8 `[T, H, W, 3]`.
        height: wanted, in pixels.
        width: wanted, in pixels.

    Returns:
        uint8 `[T, height, width, 3]`; `frames` itself where the size already fits.

    Raises:
        ValueError: `height` or `width` below 1.
    """
    if height < 1 or width < 1:
        raise ValueError(f"height and width must be at least 1 pixel, not {height} × {width}")
    source_height, source_width = frames.shape[1:3]
    if (source_height, source_width) == (height, width):
        return frames
    cover = _cover(source_height, source_width, height, width)
    top, left = (cover[0] - height) // 2, (cover[1] - width) // 2

    result = np.empty((len(frames), height, width, 3), np.uint8)
    # Frame by frame, so that one frame's floats are all that is held beside the result.
    for source, target in zip(frames, result, strict=True):
        channels_first = torch.from_numpy(np.ascontiguousarray(source)).permute(2, 0, 1)[None].float()
        covering = F.interpolate(channels_first, cover, mode="bicubic", align_corners=False, antialias=True)
        cropped = covering[0, :, top : top + height, left : left + width]
        target[:] = cropped.round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return result


def kept_window(source_height: int, source_width: int, height: int, width: int) -> tuple[slice, slice]:
    """The rows and columns of a frame that `resize_and_crop` to `height × width` keeps, rounded to whole pixels."""
    cover = _cover(source_height, source_width, height, width)
    kept = []
    for source, scaled, wanted in zip((source_height, source_width), cover, (height, width), strict=True):
        first = (scaled - wanted) // 2
        kept.append(slice(round(first * source / scaled), round((first + wanted) * source / scaled)))
    return kept[0], kept[1]


def _cover(source_height: int, source_width: int, height: int, width: int) -> tuple[int, int]:
    """The smallest size of the same shape that covers `height × width`."""
    scale = max(height / source_height, width / source_width)
    return max(height, round(source_height * scale)), max(width, round(source_width * scale))

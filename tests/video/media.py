"""Frames and small media files for tests."""

from pathlib import Path

import av
import numpy as np
from PIL import Image

from imap_fast.video import Clip


def draw_frames(count: int, height: int, width: int, seed: int) -> np.ndarray:
    """Smooth random frames, which compress well: uint8 `[count, height, width, 3]`."""
    noise = np.random.default_rng(seed).integers(0, 256, (count, 3, 4, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(n).resize((width, height), Image.Resampling.BICUBIC)) for n in noise])


def write_sound(path: Path) -> None:
    """Write a second of silence."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


CLOCKWISE = (0.0, 1.0, -1.0, 0.0)
"""The display matrix with which a phone turns a picture by 90°, `(a, b, c, d)`."""


def set_display_matrix(path: Path, matrix: tuple[float, float, float, float] = CLOCKWISE) -> None:
    """Set the display matrix of an .mp4."""
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 44  # after the type: version, times, track, duration, layer, volume
    a, b, c, d = (round(value * 2**16) for value in matrix)
    for place, value in enumerate((a, b, 0, c, d)):
        content[start + 4 * place : start + 4 * place + 4] = value.to_bytes(4, "big", signed=True)
    path.write_bytes(content)


def save_damaged(path: Path, count: int, fps: float) -> None:
    """Write a clip whose middle cannot be decoded."""
    Clip(np.random.default_rng(6).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8), fps).save(path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 9000] = bytes(9000)
    path.write_bytes(content)

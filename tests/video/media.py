"""Frames and small media files for tests."""

from pathlib import Path

import av
import numpy as np
from PIL import Image


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


def turn_clockwise(path: Path) -> None:
    """Set the display matrix of an .mp4, as a phone does: rotate the picture by 90° clockwise."""
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44  # after the type: version, times, track, duration, layer, volume
    one = 1 << 16
    for place, value in enumerate((0, one, 0, -one, 0, 0)):
        content[matrix + 4 * place : matrix + 4 * place + 4] = value.to_bytes(4, "big", signed=True)
    path.write_bytes(content)

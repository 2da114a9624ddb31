"""The `ffmpeg` command: it writes files as people have them, and shows what it makes of them."""

import subprocess
from pathlib import Path

import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe

LOSSLESS = ("-c:v", "libx264", "-qp", "0")

BARS = (
    "color=red:s=64x48:r=8:d=0.5,format=gbrp,drawbox=0:0:32:24:lime:fill,drawbox=32:24:32:24:blue:fill,"
    "drawbox=0:24:32:24:white:fill"
)
"""Four quarters: lime and red above white and blue."""


def ffmpeg(*arguments: object) -> bytes:
    """Run the command, and return what it writes to its standard output."""
    command = [get_ffmpeg_exe(), "-loglevel", "error", "-nostdin", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def render(path: Path, source: str, *arguments: object) -> Path:
    """Write a file from a source of libavfilter, such as `color=red:s=64x48:r=8:d=1`."""
    ffmpeg("-f", "lavfi", "-i", source, *arguments, path)
    return path


def first_picture(path: Path, height: int, width: int, filters: str = "null") -> np.ndarray:
    """What the command makes of the first frame, uint8 RGB `[height, width, 3]`."""
    raw = ffmpeg("-i", path, "-frames:v", 1, "-vf", filters, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    return np.frombuffer(raw, np.uint8).reshape(height, width, 3)

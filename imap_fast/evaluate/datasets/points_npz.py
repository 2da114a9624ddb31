"""Clips with points whose tracks are known, as docs/tap-vid.md writes them: an `.npz` beside its video.

- `points`: fp32 `[N, T, 2]`, (x, y) as shares of the width and the height of the picture, from its upper left corner.
- `occluded`: uint8 `[N, T]`, 1 where the point is not visible.
- `video`: uint8, the name of the file in UTF-8.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imap_fast.npz import checked_members, read_array
from imap_fast.video.clip import Clip
from imap_fast.video.read import read_clip

MARGIN = 0.1
"""By how much of the picture a visible point may be outside of it: annotated by hand, a few are, by a pixel. Points in
pixels are outside by far."""

_LONGEST_REASON = 200
"""The most characters of a reason why a file is not read."""


@dataclass(frozen=True)
class PointClip:
    """A clip, and where points are in each of its frames.

    Attributes:
        clip: T frames.
        points: fp64 `[N, T, 2]`, (x, y) in pixels from the upper left corner of the picture.
        visible: whether each is visible, bool `[N, T]`. Where it is not, its place means nothing.
    """

    clip: Clip
    points: np.ndarray
    visible: np.ndarray


def read_points(path: Path) -> PointClip:
    """Read the points of a clip, and its video from the same folder.

    Raises:
        ValueError: the file is damaged or holds something else, or its video has another number of frames.
        OSError: one of the files is missing or cannot be read.
    """
    arrays, video = _read(path)
    clip = read_clip(video)
    num_frames, height, width = clip.frames.shape[:3]
    if arrays["points"].shape[1] != num_frames:
        raise ValueError(
            f"{path} has points in {arrays['points'].shape[1]} frames, and {video.name} has {num_frames}; give the "
            "video of these points"
        )
    points = arrays["points"].astype(np.float64) * (width, height)
    return PointClip(clip, points, arrays["occluded"] == 0)


def video_of(path: Path) -> Path:
    """The video of a file of points. Errors are those of `read_points`, but of the file alone."""
    return _read(path)[1]


def _read(path: Path) -> tuple[dict[str, np.ndarray], Path]:
    """The arrays of a file, and its video."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; give points, written as docs/tap-vid.md does")
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            members = checked_members(archive, file)
            if members.keys() != {"points", "occluded", "video"}:
                raise ValueError("its arrays are others")
            arrays = {name: read_array(archive, member) for name, member in members.items()}
        _check(arrays)
        name = arrays["video"].tobytes().decode()
        if Path(name).name != name or name in ("", "..") or not name.isprintable():
            raise ValueError("its video is no name of a file")
    except OSError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:_LONGEST_REASON] or type(error).__name__
        raise ValueError(
            f"{path} is damaged or holds no points ({reason}); write it as docs/tap-vid.md does"
        ) from error
    return arrays, path.parent / name


def _check(arrays: Mapping[str, np.ndarray]) -> None:
    points, occluded = arrays["points"], arrays["occluded"]
    if points.dtype != np.float32 or points.ndim != 3 or points.shape[2] != 2 or 0 in points.shape:
        raise ValueError(f"points are {points.dtype} {list(points.shape)} and not fp32 [N, T, 2]")
    if occluded.dtype != np.uint8 or occluded.shape != points.shape[:2] or occluded.max() > 1:
        raise ValueError("occluded is not 0 or 1 of each point in each frame")
    if not np.isfinite(points).all():
        raise ValueError("a point is not finite")
    visible = points[occluded == 0]
    if ((visible < -MARGIN) | (visible > 1 + MARGIN)).any():
        raise ValueError("a visible point is not in the picture; points are shares of width and height")
    if arrays["video"].dtype != np.uint8 or arrays["video"].ndim != 1:
        raise ValueError("its video is no name of a file")

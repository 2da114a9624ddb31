"""`Track`: where one region is in each frame of a video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imap_fast.tracking.place import VISIBLE, places
from imap_fast.upsampling.interpolate import neighbours
from imap_fast.upsampling.latent_time import LatentTime


@dataclass(frozen=True)
class Track:
    """Where a region is in each of the T frames of a video.

    Places are in pixels, in raster coordinates: from the upper left corner of the picture, whose first pixel has its
    centre at (0.5, 0.5).

    Attributes:
        label: the region.
        seconds: when each frame appears, in seconds of the file. None: nobody knows the times of the video.
        x: how far to the right it is, T numbers.
        y: how far down it is.
        confidence: how much it stands out, compared to where it was marked, from 0 to 1.
        visible: whether that is enough to say that it is there. Where it is not, the place is a guess.
    """

    label: str
    seconds: tuple[float, ...] | None
    x: tuple[float, ...]
    y: tuple[float, ...]
    confidence: tuple[float, ...]
    visible: tuple[bool, ...]


def track(
    label: str,
    values: Tensor,
    time: LatentTime,
    num_frames: int,
    seen: tuple[slice, slice],
    *,
    own: int | None = None,
    seconds: Sequence[float] | None = None,
) -> Track:
    """The track of a region: its places, linear between the latent frames of a shot.

    Args:
        label: the region.
        values: how much each patch is like it, `[F, H, W]`.
        time: how latent frames relate to video frames.
        num_frames: T, of the video.
        seen: the rows and the columns of the video that the map covers.
        own: the latent frame in which the region was marked. None: that with the most contrast.
        seconds: when each frame appears. None: nobody knows.

    Raises:
        ValueError: as of `places` and `LatentTime.frame_times`.
    """
    found = places(values, own)
    near = neighbours(time.frame_times(len(values), num_frames), num_frames, time.cuts)
    latent = torch.from_numpy(np.stack(found))
    x, y, confidence = torch.lerp(latent[:, near.before], latent[:, near.after], near.weight.double())
    rows, columns = seen
    height, width = values.shape[1:]
    x = columns.start + x * (columns.stop - columns.start) / width
    y = rows.start + y * (rows.stop - rows.start) / height
    return Track(
        label,
        None if seconds is None else tuple(map(float, seconds)),
        tuple(x.tolist()),
        tuple(y.tolist()),
        tuple(confidence.tolist()),
        tuple((confidence >= VISIBLE).tolist()),
    )

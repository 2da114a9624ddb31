"""The report's video: an H.264 file that browsers play, of the frames that the maps cover and no others.

A file is never held whole: its frames are decoded, cut and encoded one after another.
"""

import os
import shutil
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from imap_fast.render.grid import spread
from imap_fast.render.ground import ground
from imap_fast.video import Clip, VideoFile, resize_and_crop
from imap_fast.video.write import write_timed_mp4

if TYPE_CHECKING:
    from imap_fast.maps import SaliencyMaps


@dataclass(frozen=True)
class EmbeddedVideo:
    """What a report needs of its video.

    Attributes:
        file: the .mp4.
        stills: its frames `imap_fast.render.grid.spread(num_frames)`, uint8 `[n, H, W, 3]`.
    """

    file: Path
    num_frames: int
    height: int
    width: int
    fps: float
    stills: np.ndarray


def footage(maps: "SaliencyMaps", video: Any, folder: Path) -> EmbeddedVideo:
    """Write the video that `maps` were read from to `folder`, as browsers play it.

    Args:
        maps: of one video.
        video: a file, whatever `Clip.of` takes, or None for a plain ground.
        folder: where to.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file that is no video, or that is shorter than the maps.
        TypeError: no video at all.
    """
    target = folder / "video.mp4"
    if isinstance(video, (str, os.PathLike)):
        return _of_file(maps, VideoFile(video), target)
    clip = ground(maps) if video is None else Clip.of(video)
    clip.save(target)
    stills = clip.frames[spread(len(clip.frames))]
    return EmbeddedVideo(target, *clip.frames.shape[:3], clip.fps, stills)


def _of_file(maps: "SaliencyMaps", video: VideoFile, target: Path) -> EmbeddedVideo:
    first, _ = next(video.timed_frames())  # says what is wrong with a file that is no video
    read = maps.settings.get("video", {})
    height, width = read.get("height") or first.shape[0], read.get("width") or first.shape[1]
    count = read.get("num_frames") or _count(video.path)
    wanted, stills, seen = set(spread(count)), [], 0

    def frames() -> Iterator[tuple[np.ndarray, float]]:
        nonlocal seen
        for frame, _ in islice(video.timed_frames(), count):
            frame = resize_and_crop(frame[None], height, width)[0]
            if seen in wanted:
                stills.append(frame)
            yield frame, seen / video.fps  # evenly: the page finds a frame by its number
            seen += 1

    if _plays_everywhere(video.path, count, height, width, video.fps):
        shutil.copyfile(video.path, target)
        deque(frames(), maxlen=0)
    else:
        write_timed_mp4(target, frames(), video.fps)
    if seen < count:
        raise ValueError(
            f"{video.path} has {seen} frames, but the maps were read from {count}; give the video that was read"
        )
    return EmbeddedVideo(target, count, height, width, video.fps, np.stack(stills))


def _count(path: Path) -> int:
    with path.open("rb") as file, av.open(file) as container:
        return sum(packet.size > 0 for packet in container.demux(video=0))


def _plays_everywhere(path: Path, count: int, height: int, width: int, fps: float) -> bool:
    """Whether a file is what `write_timed_mp4` would make of it already: H.264 of these frames, evenly from 0 on."""
    with path.open("rb") as file, av.open(file) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context
        plays = "mp4" in container.format.name and codec.name == "h264" and codec.pix_fmt == "yuv420p"
        fits = (codec.height, codec.width) == (height + height % 2, width + width % 2)
        if not (plays and fits and len(container.streams) == 1 and next(container.decode(stream)).rotation == 0):
            return False
        container.seek(0)
        times = sorted(float(packet.pts * stream.time_base) for packet in container.demux(stream) if packet.size)
        even = all(abs(time * fps - frame) < 0.25 for frame, time in enumerate(times))
        return len(times) == count and even

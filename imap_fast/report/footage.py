"""The report's video: an H.264 file that browsers play, of the frames that the maps cover and no others.

A file is never held whole: its frames are decoded, cut and encoded one after another.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from imap_fast.render.grid import spread
from imap_fast.render.ground import ground
from imap_fast.video import Clip, read_clip, resize_and_crop
from imap_fast.video.write import ENCODER_OPTIONS

if TYPE_CHECKING:
    from imap_fast.maps import SaliencyMaps

ENCODER = ENCODER_OPTIONS | {"g": "48"}
"""With a key frame so often that scrubbing never decodes long to reach a frame."""


@dataclass(frozen=True)
class Footage:
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


def footage(maps: "SaliencyMaps", video: Any, folder: Path) -> Footage:
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
        return _of_file(maps, Path(video), target)
    clip = ground(maps) if video is None else Clip.of(video)
    clip.save(target)
    stills = clip.frames[spread(len(clip.frames))]
    return Footage(target, *clip.frames.shape[:3], clip.fps, stills)


def _of_file(maps: "SaliencyMaps", path: Path, target: Path) -> Footage:
    first = read_clip(path, num_frames=1)  # says what is wrong with a file that is no video
    read = maps.settings.get("video", {})
    height, width = read.get("height") or first.frames.shape[1], read.get("width") or first.frames.shape[2]
    count = read.get("num_frames") or _count(path)
    wanted = set(spread(count))
    stills = []

    frames = _frames(path, count, height, width)
    if _plays_everywhere(path, count, height, width, first.fps):
        shutil.copyfile(path, target)
    else:
        frames = _encoded(frames, target, first.fps)
    seen = 0
    for frame in frames:
        if seen in wanted:
            stills.append(frame)
        seen += 1
    if seen < count:
        raise ValueError(f"{path} has {seen} frames, but the maps were read from {count}; give the video that was read")
    return Footage(target, count, height, width, first.fps, np.stack(stills))


def _count(path: Path) -> int:
    with path.open("rb") as file, av.open(file) as container:
        return sum(packet.size > 0 for packet in container.demux(video=0))


def _frames(path: Path, count: int, height: int, width: int) -> Iterator[np.ndarray]:
    """The first `count` frames, upright, uint8 `[height, width, 3]`."""
    with path.open("rb") as file, av.open(file) as container:
        try:
            for frame in islice(container.decode(video=0), count):
                picture = frame.reformat(format="rgb24", dst_colorspace=Colorspace.ITU601).to_ndarray()
                upright = np.rot90(picture, round(frame.rotation / 90))
                yield resize_and_crop(upright[None], height, width)[0]
        except av.FFmpegError as error:
            raise ValueError(f"{path} breaks off before frame {count} ({error.strerror}); copy it again") from error


def _encoded(frames: Iterator[np.ndarray], target: Path, fps: float) -> Iterator[np.ndarray]:
    """Pass frames on, each encoded into `target` as `Clip.save` would."""
    options = {"movflags": "+faststart"}
    with av.open(str(target), "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.pix_fmt, stream.options = "yuv420p", ENCODER
        codec = stream.codec_context
        codec.color_primaries = codec.color_trc = codec.colorspace = Colorspace.ITU709
        codec.color_range = ColorRange.MPEG
        for index, frame in enumerate(frames):
            yield frame
            even = np.pad(frame, ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)), mode="edge")
            if index == 0:
                stream.height, stream.width = even.shape[:2]
            picture = av.VideoFrame.from_ndarray(even, format="rgb24")
            container.mux(stream.encode(picture.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)))
        container.mux(stream.encode(None))


def _plays_everywhere(path: Path, count: int, height: int, width: int, fps: float) -> bool:
    """Whether a file is already what `_encoded` would make of it: H.264 of these frames, evenly spaced from 0."""
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

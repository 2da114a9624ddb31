"""The video of a report: an H.264 file that browsers play, with exactly the frames that the maps cover.

A file is never in memory as a whole: its frames are decoded, cropped and encoded one after another.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from imap_fast.render.grid import grid_frames
from imap_fast.video.clip import Clip
from imap_fast.video.decode import VideoFile
from imap_fast.video.display import UPRIGHT, display_axes
from imap_fast.video.write import write_timed_mp4


@dataclass(frozen=True)
class EmbeddedVideo:
    """The video of a report.

    Attributes:
        file: the .mp4.
        num_frames: the number of its frames.
        height: in pixels.
        width: in pixels.
        fps: frames per second.
        stills: the frames `imap_fast.render.grid.grid_frames(num_frames)`, uint8 `[n, H, W, 3]`.
    """

    file: Path
    num_frames: int
    height: int
    width: int
    fps: float
    stills: np.ndarray


def embed_video(video: Clip | VideoFile, read: Mapping[str, Any], folder: Path) -> EmbeddedVideo:
    """Write the video that the maps were read from to `folder`, as browsers play it.

    Args:
        video: a file, or the frames.
        read: `num_frames`, `height` and `width` that `explain` read from a file; empty for a generated video.
        folder: receives the file.

    Raises:
        ValueError: a file that is no video, or that is shorter than what was read.
    """
    target = folder / "video.mp4"
    if isinstance(video, VideoFile):
        return _embed_file(video, read, target)
    video.save(target)
    num_frames, height, width = video.frames.shape[:3]
    return EmbeddedVideo(target, num_frames, height, width, video.fps, video.frames[grid_frames(num_frames)])


def _embed_file(video: VideoFile, read: Mapping[str, Any], target: Path) -> EmbeddedVideo:
    first = next(video.pictures()).picture.pixels()  # raises if the file is no video
    height, width = read.get("height") or first.shape[0], read.get("width") or first.shape[1]
    count = read.get("num_frames") or _count(video.path)
    wanted, stills, seen = set(grid_frames(count)), [], 0

    def frames() -> Iterator[tuple[np.ndarray, float]]:
        nonlocal seen
        for picture, _ in islice(video.pictures(), count):
            frame = picture.resized(height, width)
            if seen in wanted:
                stills.append(frame)
            yield frame, seen / video.fps  # evenly spaced: the page computes the time of a frame from its number
            seen += 1

    if _plays_everywhere(video.path, count, height, width, video.fps):
        _copy_packets(video.path, target)
        deque(frames(), maxlen=0)
    else:
        write_timed_mp4(target, frames(), video.fps)
    if seen < count:
        raise ValueError(
            f"{video.path} has {seen} frames, but the maps were read from {count}; give the video that was read"
        )
    return EmbeddedVideo(target, count, height, width, video.fps, np.stack(stills))


def _copy_packets(path: Path, target: Path) -> None:
    """Write the packets of a video to a new file, without what its own file says of places, devices and folders."""
    import av

    with path.open("rb") as file, av.open(file) as source, av.open(str(target), "w", format="mp4") as container:
        stream = source.streams.video[0]
        copy = container.add_stream_from_template(stream)
        copy.metadata.clear()
        for packet in source.demux(stream):
            if packet.size:  # the last one only ends the stream
                packet.stream = copy
                container.mux(packet)


def _count(path: Path) -> int:
    import av

    with path.open("rb") as file, av.open(file) as container:
        return sum(packet.size > 0 for packet in container.demux(video=0))


def _plays_everywhere(path: Path, count: int, height: int, width: int, fps: float) -> bool:
    """Whether a file already is what `write_timed_mp4` would write: H.264 of these frames, evenly spaced from 0 on."""
    import av

    with path.open("rb") as file, av.open(file) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context
        plays = "mp4" in container.format.name and codec.name == "h264" and codec.pix_fmt == "yuv420p"
        fits = (codec.height, codec.width) == (height + height % 2, width + width % 2)
        if not (plays and fits and len(container.streams) == 1):
            return False
        if display_axes(next(container.decode(stream))) != UPRIGHT:
            return False
        container.seek(0)
        times = sorted(float(packet.pts * stream.time_base) for packet in container.demux(stream) if packet.size)
        even = all(abs(time * fps - frame) < 0.25 for frame, time in enumerate(times))
        return len(times) == count and even

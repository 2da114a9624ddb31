"""The video that two runs are of, and what each model saw of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imap_fast.render.blank import blank_clip
from imap_fast.video.clip import Clip
from imap_fast.video.crop import kept_window
from imap_fast.video.decode import VideoFile

if TYPE_CHECKING:
    from imap_fast.maps.saliency_maps import SaliencyMaps
    from imap_fast.render.source_video import SourceVideo

Window = tuple[slice, slice]
"""The rows and the columns of a frame that a model saw."""


@dataclass(frozen=True, eq=False)
class SharedVideo:
    """The video of two runs.

    Attributes:
        video: a file, or frames.
        num_frames: that the maps cover.
        own_size: height and width of its frames, in pixels.
        shown_size: the size of the video on a page: no finer than what a model saw.
        seen: by each of the two models.
    """

    video: Clip | VideoFile
    num_frames: int
    own_size: tuple[int, int]
    shown_size: tuple[int, int]
    seen: tuple[Window, Window]

    @property
    def seen_by_both(self) -> Window:
        """What both models saw."""
        rows, columns = (
            slice(max(each.start for each in axis), min(each.stop for each in axis))
            for axis in zip(*self.seen, strict=True)
        )
        return rows, columns


def shared_video(one: SaliencyMaps, other: SaliencyMaps, video: Any) -> SharedVideo:
    """The video of two runs; see `imap_fast.compare`.

    Raises:
        ValueError: the runs cover different numbers of frames, the video is not theirs, or none is given and the models
            saw different parts of its frames.
        OSError: the file does not exist.
    """
    both = one, other
    first = _plain(both) if video is None else _given(both, video)
    height, width = first.own_size
    sizes = [
        (read.get("height") or height, read.get("width") or width)
        for read in (each.settings.get("video") or {} for each in both)
    ]
    windows = [kept_window(height, width, *size) for size in sizes]
    scales = [size[0] / (rows.stop - rows.start) for size, (rows, _) in zip(sizes, windows, strict=True)]
    scale = min(1.0, max(scales))
    shown = max(1, round(height * scale)), max(1, round(width * scale))
    return SharedVideo(first.video, first.num_frames, first.own_size, shown, (windows[0], windows[1]))


def _given(both: Sequence[SaliencyMaps], video: Any) -> SourceVideo:
    """The video that the user gives, which fits both runs."""
    first, second = (_source(each, video) for each in both)
    _refuse_lengths(first, second)
    return first


def _source(maps: SaliencyMaps, video: Any) -> SourceVideo:
    if isinstance(video, (str, os.PathLike)) and not maps.settings.get("video"):
        from imap_fast.video.read import read_clip

        video = read_clip(video)  # a generated video is a clip that a model made at once
    return maps.source_video(video)


def _plain(both: Sequence[SaliencyMaps]) -> SourceVideo:
    """A plain video, as long as the maps, and as large as the larger of what the models saw."""
    from imap_fast.render.source_video import SourceVideo

    blank = [each.source_video() for each in both]
    (height, width), (other_height, other_width) = (each.own_size for each in blank)
    if height * other_width != other_height * width:
        raise ValueError(
            f"the two models saw different parts of the frames, at {height} × {width} and {other_height} × "
            f"{other_width} pixels; give the video, whose size tells which parts"
        )
    # The length of a generated video is only known up to a few frames, and that of one that was read is known.
    known = [each for each, maps in zip(blank, both, strict=True) if maps.settings.get("video")] or blank
    _refuse_lengths(known[0], known[-1])
    size = max(each.own_size for each in blank)
    clip = blank_clip(known[0].num_frames, *size, fps=known[0].fps)
    return SourceVideo.of_clip(clip, is_blank=True)


def _refuse_lengths(first: SourceVideo, second: SourceVideo) -> None:
    if first.num_frames != second.num_frames:
        raise ValueError(
            f"the two runs are of different videos: they cover {first.num_frames} and {second.num_frames} frames; "
            "give two runs of one video"
        )

"""The video that maps were read from, as far as they know it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imap_fast.maps.inside import InsideMaps

if TYPE_CHECKING:
    from imap_fast.render.source_video import SourceVideo
    from imap_fast.video.clip import Clip
    from imap_fast.video.decode import VideoFile

PATCH_PIXELS = 16
"""Side of a patch, if the size of the video is unknown: the eightfold compression of a VAE, times patches of two."""

BLANK_PIXELS = 1_920
"""The largest side of a video whose size is unknown. It shows every patch, and stays quick to draw."""


class SourcedMaps(InsideMaps):
    """Maps that find their way back to the frames of the video."""

    def source_video(self, video: Any = None) -> SourceVideo:
        """The video that a picture shows behind the heatmaps; `overlay` describes `video`.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: a file that cannot be read or is another one, a clip of another length, or maps that `explain`
                did not read from a file.
        """
        from imap_fast.render.source_video import SourceVideo
        from imap_fast.video.clip import Clip

        cuts = self.time.cuts
        if video is None:
            return SourceVideo.of_clip(self._blank_clip(), cuts, is_blank=True)
        opened, read = self._opened(video), self._read
        if isinstance(opened, Clip):
            _, height, width, _ = self._seen_part(opened).frames.shape
            return SourceVideo(opened, len(opened.frames), height, width, cuts)
        if not read:
            raise ValueError(f"these maps were not read from a file, so not from {video}; give the frames of the clip")
        return SourceVideo(opened, read["num_frames"], read["height"], read["width"], cuts)

    def _opened(self, video: Any) -> Clip | VideoFile:
        """The video that the maps were read from, as far as they know it."""
        from imap_fast.video.clip import Clip
        from imap_fast.video.decode import VideoFile

        read = self._read
        if isinstance(video, (str, os.PathLike)):
            begin, expected = read.get("start"), read.get("sha256")
            if expected is None and read.get("shots"):  # of frames, which may be a stretch of this file
                begin = read["shots"][0]["seconds"]
            file = VideoFile(video, begin, read.get("end"), read.get("stream"))
            if expected is not None and file.fingerprint() != expected:
                raise ValueError(
                    f"{video} is not the file that the maps were read from: its content is another one; give that file"
                )
            return file
        clip = Clip.of(video)
        times = read.get("start"), read.get("end")
        # Of a clip that was explained in part, the times say which frames. Other frames have no times.
        if isinstance(video, Clip) and times != (None, None) and (clip.fps, None) == (read["fps"], read.get("sha256")):
            part = clip.stretch(*times)
            if part.start == self.shots[0].seconds:
                clip = replace(part, frames=part.frames[: read["num_frames"]])
        if read.get("num_frames") not in (None, len(clip.frames)):
            raise ValueError(
                f"the maps were read from {read['num_frames']} frames, and this clip has {len(clip.frames)}; give the "
                "frames that were read"
            )
        return clip

    def _seen(self, height: int, width: int) -> tuple[slice, slice]:
        """The rows and columns of frames of this size that the model saw. All, if none are known to be cropped."""
        from imap_fast.video.crop import kept_window

        return kept_window(height, width, self._read.get("height") or height, self._read.get("width") or width)

    def _seen_part(self, clip: Clip) -> Clip:
        """The part of the frames of a clip that the model saw."""
        rows, columns = self._seen(*clip.frames.shape[1:3])
        return replace(clip, frames=clip.frames[:, rows, columns])

    def _blank_clip(self) -> Clip:
        """A grey clip with the size and length of the video that was read, as far as they are known."""
        from imap_fast.render.blank import blank_clip

        frames, height, width = self.grid
        read = self._read
        patch = min(PATCH_PIXELS, BLANK_PIXELS // max(height, width))
        return blank_clip(
            read.get("num_frames") or self.time.longest_video(frames),
            read.get("height") or patch * height,
            read.get("width") or patch * width,
            fps=read.get("fps"),
        )

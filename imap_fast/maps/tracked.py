"""Where marked regions are in every frame, from their maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from imap_fast.maps.names import REGION_MAPS
from imap_fast.maps.sourced import SourcedMaps

if TYPE_CHECKING:
    from imap_fast.render.overlay import Trail
    from imap_fast.tracking.track import Track
    from imap_fast.tracking.tracks import Tracks


class TrackedMaps(SourcedMaps):
    """The tracks of regions, if there are some (`regions=`)."""

    def tracks(
        self,
        video: Any = None,
        labels: Sequence[str] | None = None,
        map: str | None = None,
        *,
        fps: float | None = None,
    ) -> Tracks:
        """Where regions are in each frame of the video: the hottest place of their maps, finer than a patch.

        Places are in pixels of the video, from its upper left corner. Each has a confidence, and whether the region is
        visible (docs/follow.md, "Tracks").

        Args:
            video: as in `overlay`. None: pixels of what the model saw.
            labels: the regions. None: all.
            map: one of the maps of regions. None: the first one that there is.
            fps: frames per second of a generated video. None: its tracks have frames and no seconds.

        Raises:
            AttributeError, KeyError, ValueError: as in `overlay`, or a map that is not of regions, or `fps` of a video
                that was read.
        """
        from imap_fast.events.clock import clock_of
        from imap_fast.tracking.track import track
        from imap_fast.tracking.tracks import Tracks

        self._refuse_several("tracks")
        name = map or next((each for each in REGION_MAPS if each in self.maps), None)
        if name not in REGION_MAPS:
            given = "there are none" if name is None else f"{name} is none"
            raise ValueError(f"tracks are of maps of regions, and {given}; make the maps with regions=")
        labels, values = self.views(labels, name)
        source = self.source_video(video)
        height, width = source.own_size
        clock = clock_of(self.time, self.seconds, self._read, fps)
        seconds = None if clock is None else [clock.at(frame) for frame in range(source.num_frames)]
        seen = self._seen(height, width)
        tracks = [
            track(label, of, self.time, source.num_frames, seen, own=self._marked_in(label), seconds=seconds)
            for label, of in zip(labels, values, strict=True)
        ]
        return Tracks(tuple(tracks), source.num_frames, height, width)

    def track(self, label: str, video: Any = None, map: str | None = None, *, fps: float | None = None) -> Track:
        """The track of one region. Arguments and errors are those of `tracks`."""
        return self.tracks(video, [label], map, fps=fps)[label]

    def trail(self, label: str, values: Tensor, num_frames: int) -> Trail:
        """Where a region is in each frame, as shares of what the model saw of it, and whether it is visible.

        Args:
            label: the region.
            values: its map, `[F, H, W]`.
            num_frames: of the video.
        """
        from imap_fast.tracking.trail import trail

        found = trail(label, values, self.time, num_frames, self._marked_in(label))
        return np.stack([found.x, found.y], axis=1), np.array(found.visible)

    def _marked_in(self, label: str) -> int | None:
        """The latent frame in which a region was marked. None: nobody knows."""
        from imap_fast.tracking.marked import marked_in

        return marked_in(self.settings["regions"][label], self.seconds)

"""`Tracks`: where regions are in each frame of one video."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from imap_fast.tracking.files import write_tracks
from imap_fast.tracking.track import Track


@dataclass(frozen=True)
class Tracks:
    """The tracks of one video. Iterate over them, or index them by label.

    Attributes:
        tracks: of all regions.
        num_frames: T, of the video.
        height: of its frames, in pixels.
        width: of its frames.
    """

    tracks: tuple[Track, ...]
    num_frames: int
    height: int
    width: int

    def __iter__(self) -> Iterator[Track]:
        return iter(self.tracks)

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, label: str) -> Track:
        """The track of one region.

        Raises:
            KeyError: there is none.
        """
        if label not in self.labels:
            raise KeyError(f"no track of {label!r}; there are those of {', '.join(map(repr, self.labels))}")
        return self.tracks[self.labels.index(label)]

    @property
    def labels(self) -> tuple[str, ...]:
        """The regions."""
        return tuple(track.label for track in self.tracks)

    def record(self) -> dict[str, Any]:
        """All that is known, as JSON values."""
        return {
            "num_frames": self.num_frames,
            "height": self.height,
            "width": self.width,
            "tracks": [asdict(track) for track in self.tracks],
        }

    def save(self, path: str | os.PathLike) -> None:
        """Write them to a .json or .csv file, atomically.

        JSON has everything. CSV has a row for each region and frame. In CSV, a label that a spreadsheet would run as a
        formula has an apostrophe in front.

        Raises:
            ValueError: another suffix.
            OSError: the folder cannot be written.
        """
        write_tracks(path, self.record(), self.tracks)

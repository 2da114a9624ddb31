"""`Events`: when concepts are active."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from imap_fast.events.event import Event
from imap_fast.events.files import write_events


@dataclass(frozen=True)
class Events:
    """The events of one video, in order of their first frames. Iterate over them, or index them by number.

    Attributes:
        events: of all concepts.
        maps: the name of the map that was read of each concept, by its label.
        num_frames: of the video.
    """

    events: tuple[Event, ...]
    maps: Mapping[str, str]
    num_frames: int

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def __getitem__(self, number: int) -> Event:
        return self.events[number]

    @property
    def labels(self) -> tuple[str, ...]:
        """The concepts that were judged."""
        return tuple(self.maps)

    @property
    def steady(self) -> tuple[str, ...]:
        """The concepts without an event: one level explains the curve as well as two.

        They are active in all frames or in none, since a map does not tell "always" from "never". Or what changes is
        lost in the noise.
        """
        return tuple(label for label in self.maps if not self.of(label))

    def of(self, label: str) -> tuple[Event, ...]:
        """The events of one concept. None: it is steady.

        Raises:
            KeyError: it was not judged.
        """
        if label not in self.maps:
            raise KeyError(f"no events of {label!r}; there are those of {', '.join(map(repr, self.maps))}")
        return tuple(event for event in self.events if event.label == label)

    def frames_of(self, label: str) -> list[range]:
        """The frames of each event of one concept; errors as in `of`."""
        return [range(event.first_frame, event.last_frame + 1) for event in self.of(label)]

    def record(self) -> dict[str, Any]:
        """All that is known, as JSON values."""
        return {
            "num_frames": self.num_frames,
            "maps": dict(self.maps),
            "steady": list(self.steady),
            "events": [asdict(event) for event in self.events],
        }

    def save(self, path: str | os.PathLike) -> None:
        """Write them to a .json, .csv or .vtt file, atomically.

        JSON has everything, also which concepts are steady. CSV has a row, and WebVTT a cue, for each event. In CSV, a
        label that a spreadsheet would run as a formula has an apostrophe in front.

        Raises:
            ValueError: another suffix, or .vtt of a video whose times nobody knows.
            OSError: the folder cannot be written.
        """
        write_events(path, self.record(), self.events)

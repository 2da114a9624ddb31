"""`Packets`: what the packets of a file say about its frames. Nothing is decoded."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from imap_fast.video.clock import Stamps
from imap_fast.video.times import TOLERANCE

if TYPE_CHECKING:
    import av


@dataclass(frozen=True)
class Packets:
    """The packets of a stream, in the order of the file.

    Attributes:
        stamps: on the clock that never jumps, int64 `[N]`; see `imap_fast.video.clock`.
        keys: the places of key frames, ascending.
        tick: seconds in a unit of the stamps.
        is_sound: whether every packet has a stamp of showing of its own, on one clock. Only then a key frame has the
            same time if nothing before it is read.
    """

    stamps: np.ndarray
    keys: np.ndarray
    tick: Fraction
    is_sound: bool

    @classmethod
    def of(cls, container: av.container.InputContainer, stamps: Stamps) -> Packets:
        """Read all packets of the first video stream."""
        import av

        stream, read, keys, is_sound = container.streams.video[0], array("q"), array("q"), True
        demuxed = container.demux(stream)
        while True:
            try:
                packet = next(demuxed, None)
            except (av.FFmpegError, OSError):
                is_sound = False
                continue
            if packet is None:
                break
            if not packet.size or packet.is_discard:
                continue
            if packet.is_keyframe:
                keys.append(len(read))
            is_sound &= packet.pts is not None
            read.append(stamps.read(packet.dts if packet.pts is None else packet.pts)[1])
        on_clock = np.array(read, np.int64)
        is_sound = is_sound and stamps.restarts == 0 and len(np.unique(on_clock)) == len(on_clock)
        return cls(on_clock, np.array(keys, np.int64), stamps.tick, is_sound)

    @property
    def earliest(self) -> int:
        """The stamp of the first frame."""
        return int(self.stamps.min()) if len(self.stamps) else 0

    def count(self, start: float | None, end: float | None) -> int:
        """The number of packets in a stretch."""
        seconds = (self.stamps - self.earliest) * float(self.tick) + TOLERANCE
        return int(((seconds >= (start or 0.0)) & (seconds < (np.inf if end is None else end))).sum())

    def key_before(self, start: float) -> int | None:
        """The stamp of the last key frame that is shown at `start` seconds or before, and after all earlier packets.

        None: the first frame, or none that is known to have the same time if it is read first.
        """
        if not self.is_sound or not len(self.keys):
            return None
        latest = np.maximum.accumulate(self.stamps)
        shown = (self.stamps[self.keys] - self.earliest) * float(self.tick) <= start + TOLERANCE
        usable = self.keys[shown & (latest[self.keys] == self.stamps[self.keys])]
        return int(self.stamps[usable[-1]]) if len(usable) and usable[-1] > 0 else None

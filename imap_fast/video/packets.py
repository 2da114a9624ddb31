"""`Packets`: what the packets of a file say about its frames. Nothing is decoded."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from imap_fast.video.clock import Stamps
from imap_fast.video.container import Film
from imap_fast.video.shown import Key
from imap_fast.video.times import TOLERANCE

MOST_AHEAD = 4
"""Places by which encoders let a B frame be shown ahead of its packet. Formats allow 16, which nobody uses."""


@dataclass(frozen=True)
class Packets:
    """The packets of a film, in the order of the file.

    Attributes:
        stamps: on the clock that never jumps, int64 `[N]`; see `imap_fast.video.clock`.
        keys: the places of key frames, ascending.
        tick: seconds in a unit of the stamps.
        is_sound: whether each packet has a time of showing that is surely its own. Only then a key frame has the same
            time if nothing before it is read.
    """

    stamps: np.ndarray
    keys: np.ndarray
    tick: Fraction
    is_sound: bool

    @classmethod
    def of(cls, film: Film, stamps: Stamps) -> Packets:
        """Read all packets."""
        import av

        demuxed, read, keys = film.container.demux(film.stream), array("q"), array("q")
        is_whole = True
        while True:
            try:
                packet = next(demuxed, None)
            except (av.FFmpegError, OSError):
                is_whole = False
                continue
            if packet is None:
                break
            if not packet.size or packet.is_discard:
                continue
            if packet.is_keyframe:
                keys.append(len(read))
            is_whole &= packet.pts is not None
            read.append(stamps.read(packet.dts if packet.pts is None else packet.pts)[1])
        on_clock = np.array(read, np.int64)
        is_whole &= not stamps.has_jumped and len(np.unique(on_clock)) == len(on_clock)
        # Where frames are reordered and stamps ascend, they are of decoding. In an .avi they are guessed from it.
        is_as_decoded = film.container.format.name == "avi" or bool((np.diff(on_clock) > 0).all())
        has_times = not (film.stream.codec_context.has_b_frames and is_as_decoded)
        begins = len(on_clock) > 0 and on_clock[0] == on_clock.min()
        # A frame that is shown further ahead of its place than frames are reordered has a wrong stamp.
        ahead = np.argsort(on_clock) - np.arange(len(on_clock))
        is_in_order = ahead.max(initial=0) <= MOST_AHEAD * film.stream.codec_context.has_b_frames
        is_sound = bool(is_whole and has_times and begins and is_in_order)
        return cls(on_clock, np.array(keys, np.int64), stamps.tick, is_sound)

    @property
    def step(self) -> float | None:
        """The median time from a frame to the next, in seconds. None: no frame has a later time than another."""
        steps = np.diff(np.unique(self.stamps))
        return float(np.median(steps) * float(self.tick)) if len(steps) else None

    def _seconds(self) -> np.ndarray:
        return (self.stamps - self.stamps.min(initial=self.stamps[0])) * float(self.tick) + TOLERANCE

    def count(self, start: float | None, end: float | None) -> int:
        """The number of packets in a stretch."""
        if not len(self.stamps):
            return 0
        seconds = self._seconds()
        return int(((seconds >= (start or 0.0)) & (seconds < (np.inf if end is None else end))).sum())

    def key_before(self, start: float) -> Key | None:
        """The last key frame that is shown at `start` seconds or before, and after all earlier packets.

        None: the first frame, or none that surely has the same time if it is read first.
        """
        if not self.is_sound or not len(self.keys):
            return None
        latest = np.maximum.accumulate(self.stamps)
        is_usable = (self._seconds()[self.keys] <= start + 2 * TOLERANCE) & (
            latest[self.keys] == self.stamps[self.keys]
        )
        usable = self.keys[is_usable]
        if not len(usable) or usable[-1] == 0:
            return None
        return Key(int(usable[-1]), int(self.stamps[usable[-1]]), int(self.stamps[0]))

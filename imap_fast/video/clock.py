"""`Clock`: the times of frames, from the time stamps of their packets. Many files have broken ones.

The rule, as players have it:

1. A decoder gives frames in the order of showing. They get the stamps of their packets in ascending order, because
   some files are stamped in the order of decoding. So one wrong stamp moves the frames up to it by one frame at most.
2. Frames with equal stamps share the time until the next stamp, and have at most the duration of a frame each.
3. A clock begins anew where it goes back by more than a second and the 16 frames that a decoder reorders, where it goes
   on by more than 30 hours, and in a transport or program stream by more than 10 seconds (both as in ffmpeg). The first
   frame after that follows the last one by the duration of a frame.
4. A packet without a stamp of showing has that of decoding. Without both, it follows the packet before.

A packet is lost if its frame never comes. Stamps alone are never a loss.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, TypeVar

Frame = TypeVar("Frame")

MAX_REORDERED = 16
"""The most frames that a decoder reorders, as in H.264 and HEVC. So many frames are held where stamps are odd."""

LARGEST_STEP_BACK = 1.0
"""A clock that goes back by more seconds begins anew."""

_NO_STAMP = -(2**60)
"""Keys of packets that share a stamp with another one count down from here. No file has such stamps."""

NO_FRAME = 0.75
"""The second field of an interlaced frame has a stamp half a frame later. A packet is no frame of its own up to this
part of a frame after the last one."""

LARGEST_STEP, LARGEST_STEP_OF_SPLICED = 30 * 3600, 10
"""Seconds. A clock that goes on by more begins anew; the second value is for formats that may be spliced."""


@dataclass(frozen=True)
class Shown(Generic[Frame]):
    """A frame with its time.

    Attributes:
        frame: as the decoder gave it.
        seconds: from the first frame of the file.
        is_after_loss: whether a packet is lost between the previous frame and this one.
    """

    frame: Frame
    seconds: float
    is_after_loss: bool


class Stamps:
    """The stamps of packets on one clock that never jumps.

    Args:
        tick: seconds in a unit of the stamps.
        fps: frames per second, on average.
        may_be_spliced: whether the format allows that its clock jumps.
        all_are_stamped: whether the format stamps every packet. Guesses for the others go on with an old clock, so then
            one stamp far off cannot be told from a clock that began anew.

    Attributes:
        newest: the latest stamp that was read. None: none was read.
        has_jumped: whether the clock began anew, or seemed to.
    """

    def __init__(self, tick: Fraction, fps: float, *, may_be_spliced: bool, all_are_stamped: bool) -> None:
        self.newest: int | None = None
        self.has_jumped = False
        self.tick = tick
        self._step = max(1, round(1 / fps / tick))
        self._largest_step = round((LARGEST_STEP_OF_SPLICED if may_be_spliced else LARGEST_STEP) / tick)
        self._largest_step_back = round(max(LARGEST_STEP_BACK, MAX_REORDERED / fps) / tick)
        self._all_are_stamped = all_are_stamped
        self._offset = 0
        self._before: tuple[int, int] | None = None  # the offset and the newest stamp before the last packet

    def read(self, stamp: int | None) -> tuple[int, int]:
        """The stamp of a packet, also if it has none, and the same on the clock that never jumps."""
        if stamp is None:
            stamp = 0 if self.newest is None else self.newest + self._step - self._offset
        elif self.newest is not None:
            if self._before is not None and self._goes_on_from(*self._before, stamp):
                self._offset, self.newest = self._before
            ahead = stamp + self._offset - self.newest
            if self._all_are_stamped:
                self._before = self._offset, self.newest
            if self._is_jump(ahead):
                self._offset += self._step - ahead
                self.has_jumped = True
        on_clock = stamp + self._offset
        self.newest = on_clock if self.newest is None else max(self.newest, on_clock)
        return stamp, on_clock

    def _is_jump(self, ahead: int) -> bool:
        return ahead > self._largest_step or ahead < -self._largest_step_back

    def _goes_on_from(self, offset: int, newest: int, stamp: int) -> bool:
        """Whether only the last packet had another clock, so that its stamp is wrong and nothing began anew."""
        is_near = abs(stamp + offset - newest) <= self._largest_step_back
        has_restarted = offset != self._offset
        return is_near and (has_restarted or self._is_jump(stamp + self._offset - (self.newest or 0)))


@dataclass
class _Waiting:
    """A packet whose frame has not come.

    Attributes:
        stamp: on the clock.
        number: of the packet.
        failed_at: the number of frames that came before the decoder refused the packet. None: it did not.
    """

    stamp: int
    number: int
    failed_at: int | None = None


class Clock(Generic[Frame]):
    """Gives frames their times. Call `read` for each packet before it is decoded, and `show` for each frame.

    Args:
        stamps: reads those of the packets.
        fps: frames per second, on average.
        earliest: the stamp of the first frame of the file. None: the earliest of the packets that were read when the
            first frame comes.
        begin: the stamp of the first frame that is shown. None: `earliest`.
    """

    def __init__(self, stamps: Stamps, fps: float, *, earliest: int | None = None, begin: int | None = None) -> None:
        self.duration, self.earliest = 1 / fps, earliest
        self._read = stamps
        self._last = None if begin is None else self._seconds(begin) - self.duration / 2
        self._waiting: dict[int, _Waiting] = {}  # packets whose frame has not come, by their keys
        self._count = 0  # of packets
        self._shown = 0  # frames with a time
        self._held: deque[Frame] = deque()
        self._stamps: list[int] = []  # of the frames held: a heap
        self._previous = 0  # that of the last frame that came
        self._break: int | None = None  # the newest stamp where the demuxer last lost data

    def read(self, stamp: int | None) -> int:
        """Count a packet. Its frame is known by the key that is returned: its stamp, unless another packet has it."""
        key, on_clock = self._read.read(stamp)
        if key in self._waiting:
            key = _NO_STAMP - self._count
        self._waiting[key] = _Waiting(on_clock, self._count)
        self._count += 1
        return key

    def fail(self, key: int | None) -> None:
        """Note that the decoder refused a packet. Its frame can still come."""
        if key in self._waiting:
            self._waiting[key].failed_at = self._shown + len(self._held)

    def lose_data(self) -> None:
        """Note that the demuxer could not read something after, or in, the last packets."""
        self._break = self._read.newest

    def show(self, frame: Frame, key: int | None) -> Iterator[Shown[Frame]]:
        """Take the next frame of the decoder and the key of its packet, and yield those whose time is now known."""
        waiting = None if key is None else self._waiting.pop(key, None)
        # A frame of no packet, or the second one of a packet, has the stamp of the one before.
        self._previous = self._previous if waiting is None else waiting.stamp
        self._held.append(frame)
        heapq.heappush(self._stamps, self._previous)
        if self.earliest is None:
            self.earliest = min([self._previous, *(each.stamp for each in self._waiting.values())])
        yield from self._release(is_end=False)

    def end(self) -> Iterator[Shown[Frame]]:
        """Yield the frames that are still held."""
        yield from self._release(is_end=True)

    @property
    def first_seconds(self) -> float:
        """The time of the first frame by the stamps themselves."""
        return float((self.earliest or 0) * self._read.tick)

    @property
    def misses_end(self) -> bool:
        """Whether packets after the last frame are lost, once all frames have come."""
        if self._last is None:
            return False
        limit = self._last + NO_FRAME * self.duration
        is_lost = any(
            each.failed_at is not None or self._seconds(each.stamp) > limit for each in self._waiting.values()
        )
        return is_lost or (self._break is not None and self._seconds(self._break) >= self._last)

    def _seconds(self, stamp: int) -> float:
        return float((stamp - (self.earliest or 0)) * self._read.tick)

    def _release(self, *, is_end: bool) -> Iterator[Shown[Frame]]:
        """Yield the frames held whose time no later one can change."""
        while self._held:
            is_known = is_end or len(self._held) > MAX_REORDERED
            stamp, last = self._stamps[0], self._last
            seconds = self._seconds(stamp)
            # These have no place in time, so whatever follows a lost one is after it.
            lost = [
                key
                for key, each in self._waiting.items()
                if each.failed_at is not None and each.failed_at <= self._shown and not self._is_due(each.stamp)
            ]
            is_after_loss = bool(lost)
            if last is not None and seconds <= last:
                held = [self._seconds(held) for held in self._stamps]
                following = min((ahead for ahead in held if ahead > last), default=None)
                if (following is None or lost) and not is_known:
                    return
                share = self.duration
                if following is not None:
                    share = min(share, (following - last) / (1 + sum(behind <= last for behind in held)))
                seconds = last + share
            else:
                earlier = {key: each for key, each in self._waiting.items() if each.stamp < stamp}
                missing = [key for key, each in earlier.items() if self._is_due(each.stamp)]
                # After a jump, the next stamp tells whether this one is wrong.
                is_lone_jump = len(self._held) == 1 and last is not None and seconds > last + 1.5 * self.duration
                if (missing or lost or is_lone_jump) and not is_known:
                    return
                is_after_loss |= self._is_loss([earlier[key].stamp for key in missing], seconds)
                lost += missing
            heapq.heappop(self._stamps)
            self._last = seconds
            self._shown += 1
            for key in lost:
                del self._waiting[key]
            self._forget()
            yield Shown(self._held.popleft(), seconds, is_after_loss)

    def _is_due(self, stamp: int) -> bool:
        """Whether the frame of a stamp can still come in its place, because no later one is shown."""
        return self._last is None or self._seconds(stamp) > self._last

    def _is_loss(self, missing: list[int], seconds: float) -> bool:
        """Whether frames are lost before a frame. A damaged packet, or lost data, is not always a lost frame."""
        last = -self.duration if self._last is None else self._last
        near = MAX_REORDERED * self.duration
        is_broken = self._break is not None and last - near <= self._seconds(self._break) < seconds
        is_lost = any(self._seconds(stamp) > last + NO_FRAME * self.duration for stamp in missing)
        return (is_lost or is_broken) and seconds > last + 1.5 * self.duration

    def _forget(self) -> None:
        """Wait no longer for frames without a place in time that did not come among many others."""
        while self._waiting:
            key, oldest = next(iter(self._waiting.items()))
            if self._is_due(oldest.stamp) or self._count - oldest.number <= 4 * MAX_REORDERED:
                return
            del self._waiting[key]

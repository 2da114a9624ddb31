"""The frames of a container as a player shows them: in order, with their times, and with what is lost."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from imap_fast.video.clock import MAX_REORDERED, Clock, Shown, Stamps

if TYPE_CHECKING:
    import av

MAX_PIXELS = 2**26
"""The largest frame, in pixels: twice 8K. A damaged header that claims more would exhaust the memory."""


def may_be_spliced(container: av.container.InputContainer) -> bool:
    """Whether the format is one whose clock may jump: a transport or program stream."""
    return _has_flag(container, "ts_discont")


def _has_flag(container: av.container.InputContainer, name: str) -> bool:
    from av.format import Flags

    return bool(container.format.flags & int(getattr(Flags, name).value))


def frame_rate(container: av.container.InputContainer) -> float | None:
    """Frames per second of the first video stream, on average. None: unknown."""
    stream = container.streams.video[0]
    # Raw streams have no stamps to average, and those of a clock that stands have a rate that the codec contradicts.
    average, guessed = stream.average_rate, stream.guessed_rate
    is_odd = _has_flag(container, "no_timestamps") or (average and guessed and average > 2 * guessed)
    rate = guessed if is_odd else average or guessed
    return float(rate) if rate else None


def stamps_of(container: av.container.InputContainer, fps: float) -> Stamps:
    """A reader of the stamps of the first video stream."""
    tick = container.streams.video[0].time_base or Fraction(1)
    return Stamps(tick, fps, may_be_spliced=may_be_spliced(container))


def shown_frames(
    container: av.container.InputContainer,
    fps: float,
    *,
    ends: float | None = None,
    begin: int | None = None,
    earliest: int | None = None,
) -> Iterator[Shown[av.VideoFrame] | None]:
    """Yield the frames of the first video stream with their times. None at the end: further frames are lost.

    Args:
        container: opened anew.
        fps: frames per second, on average.
        ends: `stated_end`. It tells whether the end is missing, if the container does not count its frames.
        begin: the stamp of a key frame, to begin there. The file is not read up to it. None: the first frame.
        earliest: the stamp of the first frame of the file, which is needed with `begin`.
    """
    import av

    stream, stamps = container.streams.video[0], stamps_of(container, fps)
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    clock: Clock[av.VideoFrame] = Clock(stamps, fps, earliest=earliest, begin=begin)
    packets = container.demux(stream) if begin is None else _from_key_frame(container, begin, fps)
    count, end = 0, 0.0
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError):
            clock.lose_data()
            continue
        if packet is None:
            break
        count += packet.size > 0
        key = None
        if packet.size and not packet.is_discard:
            # A frame has the stamp of its packet, and is known by it.
            key = clock.read(packet.dts if packet.pts is None else packet.pts)
            if packet.pts != key:
                packet.pts = key
            if getattr(packet, "is_corrupt", False):
                clock.lose_data()
        try:
            frames = packet.decode()
        except (av.FFmpegError, OSError):
            clock.fail(key)
            continue
        for frame in frames:
            if frame.is_corrupt:
                clock.fail(frame.pts)
                continue
            # Frames that are shown before a key frame can depend on what was not read.
            if begin is not None and frame.pts is not None and frame.pts < begin:
                continue
            for shown in clock.show(frame, frame.pts):
                end = shown.seconds + max(1 / fps, float((frame.duration or 0) * stamps.tick))
                yield shown
    for shown in clock.end():
        end = shown.seconds + 1 / fps
        yield shown
    if begin is not None:
        is_short = False
    elif stream.frames and container.format.name != "avi":  # which counts empty packets, too
        is_short = count < stream.frames
    else:
        is_short = not stamps.restarts and ends is not None and clock.first_seconds + end + 0.5 / fps < ends
    if is_short or clock.misses_end:
        yield None


def _from_key_frame(container: av.container.InputContainer, stamp: int, fps: float) -> Iterator[av.Packet]:
    """Yield the packets from a key frame on. Nothing, if the container cannot seek to it."""
    import av

    stream = container.streams.video[0]
    # Some formats seek by the time of decoding, which is earlier.
    earlier = stamp - round(MAX_REORDERED / fps / (stream.time_base or 1))
    try:
        container.seek(earlier, stream=stream)
    except (av.FFmpegError, OSError):
        return
    packets = container.demux(stream)
    for packet in packets:
        if packet.is_keyframe and packet.pts is not None:
            if packet.pts == stamp:
                yield packet
                yield from packets
            if packet.pts >= stamp:
                return


def stated_end(container: av.container.InputContainer) -> float | None:
    """When the last frame ends at the earliest, in seconds of the container's own clock, by its header.

    None: the header does not say it.
    """
    import av

    stream = container.streams.video[0]
    if may_be_spliced(container):
        return None
    if container.format.name == "avi":
        return float((stream.duration or 0) * (stream.time_base or 0)) or None
    # Some formats count from the first frame, and others from 0. It ends at the earlier time at least.
    if container.duration and len(container.streams) == 1:  # sound can be longer than the video
        return (container.duration + min(0, container.start_time or 0)) / av.time_base
    return None

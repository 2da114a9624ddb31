"""The frames of a film as a player shows them: in order, with their times, and with what is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from imap_fast.video.clock import MAX_REORDERED, Clock, Shown
from imap_fast.video.container import Film, is_short, stamps_of

if TYPE_CHECKING:
    import av

MAX_PIXELS = 2**26
"""The largest frame, in pixels: twice 8K. A damaged header that claims more would exhaust the memory."""


class Key(NamedTuple):
    """A key frame from which a file can be read.

    Attributes:
        place: the number of packets before it.
        stamp: of its packet.
        earliest: the stamp of the first frame of the file.
    """

    place: int
    stamp: int
    earliest: int


def shown_frames(film: Film, fps: float, key: Key | None = None) -> Iterator[Shown[av.VideoFrame] | None]:
    """Yield the frames of the film with their times. None at the end: further frames are lost.

    Args:
        film: of a container that was opened anew.
        fps: frames per second, on average.
        key: where to begin. Nothing is yielded if the file cannot be read from there. None: the first frame.
    """
    import av

    stamps = stamps_of(film, fps)
    film.stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    clock: Clock[av.VideoFrame] = Clock(stamps, fps)
    packets, count, end = film.container.demux(film.stream), 0, 0.0
    if key is not None:
        clock = Clock(stamps, fps, earliest=key.earliest, begin=key.stamp)
        packets, count = _from_key_frame(film, key.stamp, fps), key.place
    is_first = True
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError):
            clock.lose_data()
            continue
        if packet is None:
            break
        count += packet.size > 0
        name = None
        if packet.size and not packet.is_discard:
            # A frame has the stamp of its packet, and is known by it.
            name = clock.read(packet.dts if packet.pts is None else packet.pts)
            if packet.pts != name:
                packet.pts = name
            if getattr(packet, "is_corrupt", False):
                clock.lose_data()
        try:
            frames = packet.decode()
        except (av.FFmpegError, OSError):
            clock.fail(name)
            continue
        for frame in frames:
            if frame.is_corrupt:
                clock.fail(frame.pts)
                continue
            if key is not None:
                # Frames that are shown before a key frame can depend on what was not read.
                if frame.pts is not None and frame.pts < key.stamp:
                    continue
                if is_first and frame.pict_type != av.video.frame.PictureType.I:
                    return
            is_first = False
            for shown in clock.show(frame, frame.pts):
                end = shown.seconds + max(1 / fps, float((frame.duration or 0) * stamps.tick))
                yield shown
    for shown in clock.end():
        end = shown.seconds + max(1 / fps, float((shown.frame.duration or 0) * stamps.tick))
        yield shown
    if clock.misses_end or is_short(film, stamps, count, clock.first_seconds + end, fps):
        yield None


def _from_key_frame(film: Film, stamp: int, fps: float) -> Iterator[av.Packet]:
    """Yield the packets from a key frame on. Nothing, if the container cannot seek to it."""
    import av

    # Some formats seek by the time of decoding, which is earlier.
    earlier = stamp - round(MAX_REORDERED / fps / (film.stream.time_base or 1))
    try:
        film.container.seek(earlier, stream=film.stream)
    except (av.FFmpegError, OSError):
        return
    packets = film.container.demux(film.stream)
    for packet in packets:
        if packet.is_keyframe and packet.pts is not None:
            if packet.pts == stamp:
                yield packet
                yield from packets
            if packet.pts >= stamp:
                return

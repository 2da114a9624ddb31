"""What a container says of its film: which stream it is, how fast it runs, and where it ends."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from imap_fast.video.clock import Stamps
from imap_fast.video.times import seconds_of

if TYPE_CHECKING:
    import av


def video_stream(container: av.container.InputContainer) -> Any:
    """The stream that a player shows: the default one, and no cover picture. None: there is none."""
    from av.stream import Disposition

    films = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    best = container.streams.best("video")
    return best if best in films else next(iter(films), None)


def may_be_spliced(container: av.container.InputContainer) -> bool:
    """Whether the format is one whose clock may jump: a transport or program stream."""
    return _has_flag(container, "ts_discont")


def _has_flag(container: av.container.InputContainer, name: str) -> bool:
    from av.format import Flags

    return bool(container.format.flags & int(getattr(Flags, name).value))


def frame_rate(container: av.container.InputContainer) -> float | None:
    """Frames per second, on average. None: only the stamps can tell."""
    stream = video_stream(container)
    average, guessed = stream.average_rate, stream.guessed_rate
    # Raw streams have no stamps to average, and those of a clock that stands have a rate that the codec contradicts.
    is_odd = _has_flag(container, "no_timestamps") or (average and guessed and average > 2 * guessed)
    if average and not is_odd:
        return float(average)
    # Without any hint, FFmpeg takes a unit of the stamps for a frame.
    return float(guessed) if guessed and guessed * (stream.time_base or 0) != 1 else None


def stamps_of(container: av.container.InputContainer, fps: float) -> Stamps:
    """A reader of the stamps of the film."""
    tick = video_stream(container).time_base or Fraction(1)
    is_program_stream = container.format.name == "mpeg"
    return Stamps(tick, fps, may_be_spliced=may_be_spliced(container), all_are_stamped=not is_program_stream)


def is_short(container: av.container.InputContainer, stamps: Stamps, packets: int, end: float, fps: float) -> bool:
    """Whether a container that was read to its end has fewer frames than it states, by their number or their end.

    Args:
        container: opened, and not changed by reading.
        stamps: of all its packets.
        packets: their number.
        end: of the last frame, in seconds of the container's own clock.
        fps: frames per second, on average.
    """
    stream = video_stream(container)
    if container.format.name == "avi":
        # It counts empty packets, too, which show the frame before again. Stamps are the places of frames.
        return stamps.newest is not None and stamps.newest + 1 < stream.frames
    if stream.frames:
        # The index of an .mp4 or .mov is without what an edit list cuts off.
        index = getattr(stream, "index_entries", ()) if "mov" in container.format.name else ()
        return packets < (min(stream.frames, len(index)) if len(index) else stream.frames)
    if stamps.has_jumped or may_be_spliced(container):
        return False
    stated = _stated_end(container)
    return stated is not None and end + 0.5 / fps < stated


def _stated_end(container: av.container.InputContainer) -> float | None:
    """When the film ends at the earliest, in seconds of the container's own clock, by its header. None: unknown."""
    import av

    if (tag := video_stream(container).metadata.get("DURATION")) is not None:
        try:
            return seconds_of(tag[:18])  # Matroska has nanoseconds
        except ValueError:
            return None
    if not container.duration or len(container.streams) > 1:  # sound can be longer than the video
        return None
    # Some formats count from the first frame, and others from 0. It ends at the earlier time at least.
    return (container.duration + min(0, container.start_time or 0)) / av.time_base

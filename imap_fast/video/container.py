"""`Film`: a stream of moving pictures in a container. What the container says of it: its rate, and where it ends."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from imap_fast.video.clock import Stamps
from imap_fast.video.times import seconds_of

if TYPE_CHECKING:
    import av


class Film(NamedTuple):
    """A stream of moving pictures.

    Attributes:
        container: that it is in. It has one position, so it is read once.
        stream: of the container.
    """

    container: av.container.InputContainer
    stream: av.VideoStream

    def has_flag(self, name: str) -> bool:
        """Whether the format has one of the flags of FFmpeg."""
        from av.format import Flags

        return bool(self.container.format.flags & int(getattr(Flags, name).value))

    @property
    def may_be_spliced(self) -> bool:
        """Whether the format is one whose clock may jump: a transport or program stream."""
        return self.has_flag("ts_discont")


def films_in(container: av.container.InputContainer) -> list[Film]:
    """All films in their order. Cover pictures are none."""
    from av.stream import Disposition

    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    return [Film(container, stream) for stream in streams]


def shown_by_default(films: list[Film]) -> Film:
    """The film that a player shows, of all that are in a container."""
    best = films[0].container.streams.best("video")
    return next((film for film in films if film.stream is best), films[0])


def frame_rate(film: Film) -> float | None:
    """Frames per second, on average. None: only the stamps can tell."""
    average, guessed = film.stream.average_rate, film.stream.guessed_rate
    # Raw streams have no stamps to average, and those of a clock that stands have a rate that the codec contradicts.
    is_odd = film.has_flag("no_timestamps") or (average and guessed and average > 2 * guessed)
    if average and not is_odd:
        return float(average)
    # Without any hint, FFmpeg takes a unit of the stamps for a frame.
    return float(guessed) if guessed and guessed * (film.stream.time_base or 0) != 1 else None


def stamps_of(film: Film, fps: float) -> Stamps:
    """A reader of the stamps of a film."""
    is_program_stream = film.container.format.name == "mpeg"
    return Stamps(
        film.stream.time_base or Fraction(1),
        fps,
        may_be_spliced=film.may_be_spliced,
        all_are_stamped=not is_program_stream,
    )


def is_short(film: Film, stamps: Stamps, packets: int, end: float, fps: float) -> bool:
    """Whether a film that was read to its end has fewer frames than it states, by their number or their end.

    Args:
        film: opened, and not changed by reading.
        stamps: of all its packets.
        packets: their number.
        end: of the last frame, in seconds of the container's own clock.
        fps: frames per second, on average.
    """
    stream = film.stream
    if film.container.format.name == "avi":
        # It counts empty packets, too, which show the frame before again. Stamps are the places of frames.
        return stamps.newest is not None and stamps.newest + 1 < stream.frames
    if stream.frames:
        # The index of an .mp4 or .mov is without what an edit list cuts off.
        index = getattr(stream, "index_entries", ()) if "mov" in film.container.format.name else ()
        return packets < (min(stream.frames, len(index)) if len(index) else stream.frames)
    if stamps.has_jumped or film.may_be_spliced:
        return False
    stated = _stated_end(film)
    return stated is not None and end + 0.5 / fps < stated


def _stated_end(film: Film) -> float | None:
    """When the film ends at the earliest, in seconds of the container's own clock, by its header. None: unknown."""
    import av

    if (tag := film.stream.metadata.get("DURATION")) is not None:
        try:
            return seconds_of(tag[:18])  # Matroska has nanoseconds
        except ValueError:
            return None
    container = film.container
    if not container.duration or len(container.streams) > 1:  # sound can be longer than the video
        return None
    # Some formats count from the first frame, and others from 0. It ends at the earlier time at least.
    return (container.duration + min(0, container.start_time or 0)) / av.time_base

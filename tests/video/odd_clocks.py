"""Writes small video files whose packets have any clock, and whose pictures show their numbers."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cache, partial
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

FRAMES, SIDE, FPS = 48, 64, 24
HOUR = 3600.0
EVEN = [number / FPS for number in range(FRAMES)]


# Pictures


def picture_of(number: int, side: int = SIDE) -> np.ndarray:
    """A frame that shows a number below 256: uint8 `[side, side, 3]`. Each of 2 × 4 blocks is a bit, dark or bright."""
    bits = (number >> np.arange(8).reshape(2, 4)) & 1
    blocks = np.where(bits, 210, 40).astype(np.uint8)
    return blocks.repeat(side // 2, 0).repeat(side // 4, 1)[..., None].repeat(3, 2)


def number_of(frame: np.ndarray) -> int:
    """The number that a decoded frame shows. -1 if a block is neither dark nor bright: the picture is damaged."""
    height, width = frame.shape[:2]
    blocks = frame.reshape(2, height // 2, 4, width // 4, 3)
    # A codec smears the edges of a block.
    middles = blocks[:, height // 8 : -height // 8, :, width // 16 : -width // 16].mean((1, 3, 4))
    if (abs(middles - 125) < 40).any():
        return -1
    return int(((middles > 125) << np.arange(8).reshape(2, 4)).sum())


# Files with a sound clock

Writer = Callable[[Path], None]
Source = Callable[[], bytes]


def encoded(codec: str, **options) -> Writer:
    """Write frames at even times, as `encode` does."""
    return lambda path: encode(str(path), codec, **options)


def source(codec: str, *, container: str = "matroska", **options) -> Source:
    """A file in memory, from which packets are taken. It is made when it is needed."""
    return partial(_source, codec, container, **options)


@cache
def _source(codec: str, container: str, **options) -> bytes:
    content = BytesIO()
    encode(content, codec, container, **options)
    return content.getvalue()


def encode(
    file: str | BytesIO,
    codec: str,
    container: str | None = None,
    *,
    count: int = FRAMES,
    first: int = 0,
    side: int = SIDE,
    fps: Fraction | int = FPS,
    **options: object,
) -> None:
    """Write `count` frames, from number `first` on. The test is skipped if this build of PyAV has no such encoder."""
    try:
        av.Codec(codec, "w")
    except av.FFmpegError:
        pytest.skip(f"this build of PyAV has no {codec}")
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=fps, options={name: str(value) for name, value in options.items()})
        stream.width = stream.height = side
        stream.codec_context.thread_count = 1  # so few pixels are coded faster by one
        stream.pix_fmt = {"gif": "rgb8", "apng": "rgb24", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
        for number in range(first, first + count):
            frame = av.VideoFrame.from_ndarray(picture_of(number, side), format="rgb24").reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = number - first, 1 / Fraction(fps)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


class Packet(NamedTuple):
    """A coded frame. `number` counts from the first frame of its source."""

    data: bytes
    number: int
    is_key: bool


def packets_of(content: bytes) -> list[Packet]:
    """The packets of a source, in the order of decoding."""
    with av.open(BytesIO(content)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    shown = sorted(packet.pts for packet in packets)
    return [Packet(bytes(packet), shown.index(packet.pts), packet.is_keyframe) for packet in packets]


# Clocks: the seconds at which a packet is shown, from its place in the file and the number of its frame

Clock = Callable[[int, int], float]


def as_shown(place: int, number: int) -> float:
    return number / FPS


def as_decoded(place: int, number: int) -> float:
    return place / FPS


def standing(place: int, number: int) -> float:
    return 0.0


def in_pairs(place: int, number: int) -> float:
    return (number - (number % 8 == 7)) / FPS


def in_runs(place: int, number: int) -> float:
    return number // 5 * 5 / FPS


def jittering(place: int, number: int) -> float:
    return (number - 2 * (number % 6 == 5)) / FPS


def listed(seconds: Sequence[float]) -> Clock:
    return lambda place, number: seconds[number]


def late(by: float, clock: Clock = as_shown) -> Clock:
    return lambda place, number: by + clock(place, number)


def pausing(pause: float, every: int = 12) -> list[float]:
    """The seconds of a screen recording: a frame only where something changes."""
    return [number / FPS + number // every * (pause - 1 / FPS) for number in range(FRAMES)]


# Files whose packets have another clock


class Sound(NamedTuple):
    """Silence beside the picture: seconds on its clock."""

    begins: float
    lasts: float


TICKS = {".mkv": 1000, ".webm": 1000, ".flv": 1000, ".avi": FPS, ".ivf": FPS, ".wmv": 1000}
"""Ticks a second. 90 000 elsewhere."""

MUXERS = {".mpg": "vob", ".m2ts": "mpegts", ".m4v": "m4v"}
VOICES = {".webm": "libopus", ".mpg": "mp2", ".avi": "mp2"}


def muxed(
    source: Source,
    clock: Clock = as_shown,
    *,
    sound: Sound | None = None,
    ticks: int | None = None,
    alter: Callable[[list[Packet]], Iterable[Packet]] = list,
    **options: str,
) -> Writer:
    """Write the packets of a source with the stamps of a clock. `alter` changes the packets."""

    def write(path: Path) -> None:
        content = source()
        packets = list(alter(packets_of(content)))
        base = Fraction(1, ticks or TICKS.get(path.suffix, 90_000))
        shown = [round(Fraction(clock(place, packet.number)) / base) for place, packet in enumerate(packets)]
        with (
            av.open(BytesIO(content)) as inside,
            av.open(str(path), "w", format=MUXERS.get(path.suffix), options=options) as out,
        ):
            stream = out.add_stream_from_template(inside.streams.video[0])
            stream.time_base = base
            voice = out.add_stream(VOICES.get(path.suffix, "aac"), rate=48_000, layout="mono") if sound else None
            for packet, pts, dts in zip(packets, shown, decoding_times(shown), strict=True):
                copy = av.Packet(packet.data)
                copy.stream, copy.time_base, copy.is_keyframe, copy.pts, copy.dts = (
                    stream,
                    base,
                    packet.is_key,
                    pts,
                    dts,
                )
                out.mux(copy)
            if sound:
                out.mux(voice.encode(silence(voice.format.name, sound)))
                out.mux(voice.encode(None))

    return write


def silence(sample_format: str, sound: Sound) -> av.AudioFrame:
    frame = av.AudioFrame(format=sample_format, layout="mono", samples=round(sound.lasts * 48_000))
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.rate, frame.time_base, frame.pts = 48_000, Fraction(1, 48_000), round(sound.begins * 48_000)
    return frame


def decoding_times(shown: Sequence[int]) -> list[int]:
    """Ascending times of decoding, none of them later than the time at which the packet is shown."""
    ascending = list(accumulate(sorted(shown), lambda last, time: max(last + 1, time)))
    delay = max(decoded - time for decoded, time in zip(ascending, shown, strict=True))
    return [time - delay for time in ascending]


def joined(*writers: Writer) -> Writer:
    """Write files one behind the other, as `cat` does."""

    def write(path: Path) -> None:
        parts = []
        for writer in writers:
            writer(path)
            parts.append(path.read_bytes())
        path.write_bytes(b"".join(parts))

    return write


def patched(writer: Writer, change: Callable[[bytearray], None]) -> Writer:
    """Change the bytes of a file."""

    def write(path: Path) -> None:
        writer(path)
        content = bytearray(path.read_bytes())
        change(content)
        path.write_bytes(content)

    return write


def packed(packets: list[Packet]) -> Iterator[Packet]:
    """MPEG-4 as DivX packs it: a P frame brings its first B frame along, and behind the others comes an empty frame."""
    groups: list[list[Packet]] = []
    for packet in packets:
        if not groups or packet.number > groups[-1][0].number:
            groups.append([])
        groups[-1].append(packet)
    mark = b"\x00\x00\x01\xb2DivX503b1393p"  # by which a decoder knows it
    for reference, *between in groups:
        yield reference._replace(data=mark + reference.data + b"".join(frame.data for frame in between[:1]))
        yield from between[1:]
        if between:
            yield Packet(b"\x00\x00\x01\xb6\x50\x4f", reference.number, is_key=False)


def with_hidden_frames(packets: list[Packet]) -> Iterator[Packet]:
    """VP8 with packets that are decoded and not shown, like its alternate references: key frames come twice."""
    for packet in packets:
        if packet.is_key:
            yield packet._replace(data=bytes([packet.data[0] & ~0x10]) + packet.data[1:])  # the bit show_frame
        yield packet


def zeroed(number: int, header: int = 5) -> Callable[[list[Packet]], Iterator[Packet]]:
    """Let nothing but zeros follow the header of a packet: its frame cannot be decoded."""

    def alter(packets: list[Packet]) -> Iterator[Packet]:
        for packet in packets:
            is_it = packet.number == number
            yield packet._replace(data=packet.data[:header].ljust(len(packet.data), b"\0")) if is_it else packet

    return alter


def clear_durations(content: bytearray) -> None:
    """Let every frame of an .mp4 last 0 s, by its box `stts`."""
    start = content.index(b"stts") + 8
    for entry in range(int.from_bytes(content[start : start + 4], "big")):
        content[start + 8 + 8 * entry : start + 12 + 8 * entry] = bytes(4)


def clear_delays(content: bytearray) -> None:
    """Let every frame of a GIF last 0 s, by its graphic control extensions."""
    start = -1
    while (start := content.find(b"\x21\xf9\x04", start + 1)) >= 0:
        content[start + 4 : start + 6] = bytes(2)


def cut_end(content: bytearray) -> None:
    """Leave the first 17 of 20 bytes."""
    del content[17 * len(content) // 20 :]


def cut_transport_packets(content: bytearray) -> None:
    """Remove three packets of a transport stream from its middle."""
    middle = len(content) // 2 // 188 * 188
    del content[middle : middle + 3 * 188]

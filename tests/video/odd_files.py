"""Small video files as odd as real ones: their clocks are broken, and their pictures are whole.

`ODD_FILES` says for each file what a reader has to find. They are written with the tools of `odd_clocks`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from tests.video.odd_clocks import (
    EVEN,
    FPS,
    FRAMES,
    HOUR,
    Packet,
    Sound,
    Source,
    Writer,
    as_decoded,
    clear_delays,
    clear_durations,
    encoded,
    in_pairs,
    in_runs,
    jittering,
    joined,
    late,
    listed,
    muxed,
    packed,
    patched,
    pausing,
    source,
    standing,
    with_hidden_frames,
)


@dataclass(frozen=True)
class OddFile:
    """A file, and what is in it.

    Args:
        write: writes the file.
        numbers: of the frames, in the order in which they are shown.
        seconds: of these, from the first one on. None: any that ascend.
        within: how far from these a time may be, in seconds. 2 ms, because .mkv rounds to one.
        gaps: `(before, after)`, numbers of frames between which others are lost. None: no frame is there.
    """

    write: Writer
    numbers: Sequence[int] = range(FRAMES)
    seconds: Sequence[float] | None = tuple(EVEN)
    within: float = 2e-3
    gaps: Sequence[tuple[int | None, int | None]] = ()


def h264(**options: object) -> Source:
    return source("libx264", **{"bf": 0, "b-adapt": 0, "g": 12, "sc_threshold": 0, "preset": "veryfast", **options})


def mpeg2(**options: object) -> Source:
    return source("mpeg2video", **{"bf": 2, "g": 12, **options})


PLAIN, B_FRAMES = h264(), h264(bf=2)
PYRAMID = h264(bf=8, refs=16, g=24, **{"b-pyramid": "normal"})
ANNEX_B = h264(bf=2, container="mpegts")
MPEG4, MPEG4_B = source("mpeg4", g=12), source("mpeg4", bf=2, g=12)
VP8 = source("libvpx", g=12)
HIDDEN = {"auto-alt-ref": 1, "lag-in-frames": 16}
HEVC = "log-level=none:keyint=12:min-keyint=12:bframes=3"
OPEN_GROUPS = source("libx265", **{"x265-params": HEVC + ":open-gop=1"})
HEVC_PYRAMID = source("libx265", **{"x265-params": HEVC.replace("bframes=3", "bframes=8:b-adapt=0")})


def recordings(make: Callable[..., Source], *begins: float) -> Writer:
    """Recordings that share the frames, one behind the other. Each has a clock that begins at these seconds."""
    count = FRAMES // len(begins)
    parts = [muxed(make(first=place * count, count=count), late(begin)) for place, begin in enumerate(begins)]
    return joined(*parts)


DROPPED = [(number + 2 * (number >= 10) + 2 * (number >= 30)) / FPS for number in range(FRAMES)]
"""Seconds, where two frames are dropped before each of two others."""

AVI = {
    "b_frames.avi": OddFile(muxed(MPEG4_B, as_decoded)),
    "packed.avi": OddFile(muxed(MPEG4_B, as_decoded, alter=packed)),
    "h264_b_frames.avi": OddFile(muxed(ANNEX_B, as_decoded)),
    "mpeg2_b_frames.avi": OddFile(muxed(mpeg2(), as_decoded)),
    "mjpeg.avi": OddFile(muxed(source("mjpeg"), as_decoded)),
    # Its muxer writes an empty packet for each of them, which stands for the frame before.
    "dropped_frames.avi": OddFile(muxed(MPEG4, listed(DROPPED)), seconds=DROPPED),
    "with_sound.avi": OddFile(muxed(MPEG4_B, as_decoded, sound=Sound(0, 4))),
}

BROKEN_CLOCKS = (
    {
        f"{clock.__name__}_{kind}{suffix}": OddFile(muxed(content, clock))
        for clock in (in_pairs, jittering, standing)
        for kind, content in {"plain": PLAIN, "b_frames": B_FRAMES}.items()
        for suffix in (".mp4", ".mkv", ".flv", ".ts")
        if clock is not standing or suffix != ".mp4"
    }
    | {
        f"as_decoded_{kind}{suffix}": OddFile(muxed(content, as_decoded))
        for kind, content in {"b_frames": B_FRAMES, "pyramid": PYRAMID, "hevc": HEVC_PYRAMID}.items()
        for suffix in (".mp4", ".mov", ".mkv", ".flv", ".ts")
    }
    | {
        # An .mp4 of such a clock has another average rate, which is the best guess within a run.
        f"in_runs_{kind}{suffix}": OddFile(muxed(content, in_runs), within=0.01)
        for kind, content in {"plain": PLAIN, "b_frames": B_FRAMES}.items()
        for suffix in (".mp4", ".mkv", ".flv", ".ts")
    }
    | {
        # With an edit list, FFmpeg would give only the last group.
        "standing_plain.mp4": OddFile(muxed(PLAIN, standing, use_editlist="0"), seconds=None),
        "standing_b_frames.mp4": OddFile(muxed(B_FRAMES, standing, use_editlist="0"), seconds=None),
        "no_durations.mp4": OddFile(patched(muxed(PLAIN, use_editlist="0"), clear_durations), seconds=None),
    }
)

WITHOUT_CLOCK = {
    "raw.h264": OddFile(muxed(B_FRAMES)),
    "raw.hevc": OddFile(encoded("libx265", **{"x265-params": HEVC})),
    "raw.m4v": OddFile(muxed(source("mpeg4", container="mpegts", bf=2, g=12))),
    "raw.m2v": OddFile(muxed(mpeg2())),
    "raw.ivf": OddFile(muxed(VP8)),
    # These do not even say how many frames a second has.
    "raw.mjpeg": OddFile(muxed(source("mjpeg")), seconds=None),
    "raw.obu": OddFile(encoded("libsvtav1", preset=11), seconds=None),
}

SOUNDS = {"alone": None, "longer": (0, 5), "shorter": (0, 1), "earlier": (-0.7, 2)}
BEGINNINGS = {
    "at_half_a_second.mp4": OddFile(muxed(B_FRAMES, late(0.5))),
    "at_half_a_second.mov": OddFile(muxed(B_FRAMES, late(0.5))),
    "without_edit_list.mp4": OddFile(muxed(B_FRAMES, use_editlist="0")),
    "pre_roll.mp4": OddFile(muxed(PLAIN, late(-6 / FPS)), range(6, FRAMES), EVEN[:-6]),
    "pre_roll_b_frames.mp4": OddFile(muxed(B_FRAMES, late(-6 / FPS)), range(6, FRAMES), EVEN[:-6]),
    "fragments.mp4": OddFile(muxed(B_FRAMES, movflags="frag_keyframe+empty_moov+default_base_moof")),
    "fragments_at_an_hour.mp4": OddFile(muxed(B_FRAMES, late(HOUR), movflags="frag_every_frame+empty_moov")),
    "live.mkv": OddFile(muxed(B_FRAMES, late(HOUR), live="1")),
    "live.webm": OddFile(muxed(VP8, listed(pausing(0.4, 5)), live="1"), seconds=pausing(0.4, 5)),
} | {
    f"at_an_hour_sound_{name}{suffix}": OddFile(
        muxed(
            VP8 if suffix == ".webm" else mpeg2() if suffix == ".mpg" else B_FRAMES,
            late(HOUR),
            sound=sound and Sound(HOUR + sound[0], sound[1]),
        )
    )
    for name, sound in SOUNDS.items()
    for suffix in (".mp4", ".mov", ".mkv", ".webm", ".flv", ".ts", ".mpg", ".wmv")
}

WRAP = 2**33 / 90_000
RESTARTS = {
    f"{name}_{kind}{suffix}": OddFile(recordings(make, *begins), seconds=None if name == "within_a_second" else EVEN)
    for name, begins in {
        "backward": (100, 10),
        "forward": (10, 310),
        "two_hours": (10, 10 + 2 * HOUR),
        "twice": (100, 10, 400),
        "within_a_second": (10, 10.5),
    }.items()
    for kind, make, suffix in (
        ("plain", h264, ".ts"),
        ("b_frames", lambda **options: h264(bf=2, **options), ".ts"),
        ("mpeg2", mpeg2, ".ts"),
        ("mpeg2", mpeg2, ".mpg"),
        ("mpeg1", lambda **options: source("mpeg1video", bf=2, g=12, **options), ".mpg"),
    )
} | {
    "wraps_plain.ts": OddFile(muxed(PLAIN, late(WRAP - 1))),
    "wraps_b_frames.ts": OddFile(muxed(B_FRAMES, late(WRAP - 1))),
    "wraps_mpeg2.ts": OddFile(muxed(mpeg2(), late(WRAP - 1))),
    # FFmpeg guesses the stamps that are left out, and is wrong where the clock wraps.
    "wraps_mpeg2.mpg": OddFile(muxed(mpeg2(), late(WRAP - 1)), within=3.1 / FPS),
    "backward.mkv": OddFile(muxed(PLAIN, listed([100 + time for time in EVEN[:24]] + EVEN[:24]))),
    "two_sizes_of_group.ts": OddFile(
        joined(muxed(h264(count=24, g=4), late(10)), muxed(h264(first=24, count=24, bf=2, g=24), late(11)))
    ),
    "two_sizes_of_picture.ts": OddFile(
        joined(muxed(h264(count=24), late(10)), muxed(h264(first=24, count=24, side=96), late(11)))
    ),
}

PAUSES = {
    f"pauses_of_{pause:g}_s{suffix}": OddFile(
        muxed(content, listed(pausing(pause)), ticks=1000), seconds=pausing(pause)
    )
    for pause in (8, HOUR, 20 * HOUR)
    for suffix, content in {".mkv": PLAIN, ".mp4": PLAIN, ".webm": VP8}.items()
} | {
    "pauses_of_8_s_b_frames.mp4": OddFile(muxed(B_FRAMES, listed(pausing(8))), seconds=pausing(8)),
    "pauses_of_8_s.ts": OddFile(muxed(PLAIN, listed(pausing(8))), seconds=pausing(8)),
    "two_hours_on.ts": OddFile(muxed(PLAIN, listed(EVEN[:24] + [time + 2 * HOUR for time in EVEN[24:]]))),
    "forty_hours_on.mkv": OddFile(muxed(PLAIN, listed(EVEN[:24] + [time + 40 * HOUR for time in EVEN[24:]]))),
}

RATES = {
    f"{name}_fps{suffix}": OddFile(
        encoded("libx264", fps=fps, bf=2, g=12), seconds=[float(number / fps) for number in range(FRAMES)]
    )
    for name, fps in {
        "0.1": Fraction(1, 10),
        "1": Fraction(1),
        "23.976": Fraction(24000, 1001),
        "29.97": Fraction(30000, 1001),
        "60": Fraction(60),
        "120": Fraction(120),
    }.items()
    for suffix in (".mp4", ".mkv", ".ts")
    if fps >= 1 or suffix != ".ts"
}

CODECS = {
    "hidden_frames.webm": OddFile(muxed(VP8, alter=with_hidden_frames)),
    "hidden_frames.ivf": OddFile(muxed(VP8, alter=with_hidden_frames)),
    "vp8.webm": OddFile(encoded("libvpx", **HIDDEN)),
    "vp9.webm": OddFile(encoded("libvpx-vp9", **HIDDEN)),
    "vp9.mp4": OddFile(encoded("libvpx-vp9", **HIDDEN)),
    "av1.webm": OddFile(encoded("libsvtav1", preset=11)),
    "av1.mp4": OddFile(encoded("libsvtav1", preset=11)),
    "interlaced_mpeg2.mpg": OddFile(muxed(mpeg2(flags="+ildct+ilme"))),
    "m2ts.m2ts": OddFile(muxed(B_FRAMES, late(HOUR), mpegts_m2ts_mode="1")),
    "mpeg2.mxf": OddFile(encoded("mpeg2video", bf=2, g=12)),
    "apng.apng": OddFile(encoded("apng")),
    "gif.gif": OddFile(encoded("gif", fps=10), seconds=[number / 10 for number in range(FRAMES)]),
    # Browsers and FFmpeg show such frames for a tenth of a second.
    "without_delays.gif": OddFile(
        patched(encoded("gif", fps=10), clear_delays), seconds=[number / 10 for number in range(FRAMES)]
    ),
} | {
    f"{name}{suffix}": OddFile(encoded(codec, **options))
    for suffix in (".mp4", ".mkv", ".ts")
    for name, (codec, options) in {
        "open_groups_hevc": ("libx265", {"x265-params": HEVC + ":open-gop=1"}),
        "open_groups_h264": ("libx264", {"x264-params": "open-gop=1:keyint=12:min-keyint=12:bframes=3:b-adapt=0"}),
        "interlaced_h264": ("libx264", {"flags": "+ildct+ilme", "x264-params": "tff=1:bframes=2:keyint=12"}),
        "one_key_frame": ("libx264", {"g": 9999, "sc_threshold": 0}),
    }.items()
}

SHORT = {
    f"{count}_frames_{codec}{suffix}": OddFile(encoded(codec, count=count, fps=25), range(count), [0.0, 0.04][:count])
    for count in (1, 2)
    for codec, suffix in (
        ("libx264", ".mp4"),
        ("libx264", ".mkv"),
        ("libx264", ".flv"),
        ("mpeg4", ".avi"),
        ("libvpx", ".webm"),
        ("mpeg2video", ".mpg"),
        ("gif", ".gif"),
    )
}

# In the order of showing, the packets are I . . P . . P . . P . P, twelve to a group.
LEFT_OUT = [number for number in range(FRAMES) if number not in (16, 17, 31)]
"""Numbers of frames without some B frames, on which no other one depends."""


def left_out(packets: list[Packet]) -> list[Packet]:
    return [packet for packet in packets if packet.number in LEFT_OUT]


def joined_late(packets: list[Packet]) -> list[Packet]:
    """Without the first five packets. Before the next key frame, 12, the others cannot be decoded."""
    return packets[5:]


def joined_at_open_group(packets: list[Packet]) -> list[Packet]:
    """Without the packets before the second key frame."""
    return packets[[packet.number for packet in packets].index(12) :]


MISSING = (
    {
        # A file without some packets has only a jump of its stamps to show for it, like a pause.
        f"left_out{suffix}": OddFile(muxed(B_FRAMES, alter=left_out), LEFT_OUT, [number / FPS for number in LEFT_OUT])
        for suffix in (".mp4", ".mov", ".mkv", ".flv", ".ts")
    }
    | {
        f"joined_late{suffix}": OddFile(
            muxed(content, late(HOUR), alter=joined_late),
            range(12, FRAMES),
            seconds
            and [(number - 4) / FPS for number in range(12, FRAMES)],  # the first packet that is left has frame 4
            gaps=[(None, 12)],
        )
        for suffix, content, seconds in ((".ts", B_FRAMES, EVEN), (".m2ts", B_FRAMES, EVEN), (".mpg", mpeg2(), None))
    }
    | {
        # Two frames that come after the first key frame, and are shown before it, need an earlier one.
        f"joined_at_open_group{suffix}": OddFile(
            muxed(OPEN_GROUPS, late(HOUR), alter=joined_at_open_group),
            range(12, FRAMES),
            [(number - 10) / FPS for number in range(12, FRAMES)],
            gaps=[(None, 12)],
        )
        for suffix in (".ts", ".mkv")
    }
)

ODD_FILES = AVI | BROKEN_CLOCKS | WITHOUT_CLOCK | BEGINNINGS | RESTARTS | PAUSES | RATES | CODECS | SHORT | MISSING

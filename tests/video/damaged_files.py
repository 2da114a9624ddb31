"""Small video files without some of their frames, which a reader has to name, whatever their clocks are."""

from dataclasses import dataclass

from tests.video.odd_clocks import (
    Writer,
    as_decoded,
    as_shown,
    cut_end,
    cut_transport_packets,
    encoded,
    in_pairs,
    jittering,
    muxed,
    packed,
    patched,
    source,
    standing,
    zeroed,
)
from tests.video.odd_files import ANNEX_B, B_FRAMES, MPEG4_B, PLAIN, VP8, mpeg2


@dataclass(frozen=True)
class DamagedFile:
    """A file of `FRAMES` frames without some of them.

    Args:
        write: writes the file.
        lost: the numbers of the frames that do not come, or show something else.
        is_timed: whether the clock is sound, so that the other frames keep their times.
    """

    write: Writer
    lost: range
    is_timed: bool = True


DAMAGES = {
    "b_frame": (17, range(17, 18)),
    "p_frame": (18, range(16, 24)),
    "key_frame": (24, range(22, 36)),  # a decoder that misses it may give the last frames before it out of order
    "last_p_frame": (47, range(46, 48)),
}
DAMAGED_FILES = (
    {
        f"{damage}_{clock.__name__}{suffix}": DamagedFile(
            muxed(ANNEX_B if suffix == ".avi" else B_FRAMES, clock, alter=zeroed(number)), lost, clock is as_shown
        )
        for damage, (number, lost) in DAMAGES.items()
        for clock in (as_shown, as_decoded, in_pairs, jittering, standing)
        for suffix in (".mp4", ".mkv", ".ts", ".avi")
        if (clock is as_decoded or suffix != ".avi") and (clock is not standing or suffix != ".mp4")
    }
    | {
        f"{damage}_mpeg4{suffix}": DamagedFile(muxed(MPEG4_B, as_decoded, alter=zeroed(number)), lost, False)
        for damage, (number, lost) in DAMAGES.items()
        for suffix in (".avi", ".mkv")
    }
    | {
        f"{damage}_packed.avi": DamagedFile(
            muxed(MPEG4_B, as_decoded, alter=lambda packets, number=number: packed([*zeroed(number)(packets)])),
            lost,
            False,
        )
        for damage, (number, lost) in DAMAGES.items()
    }
    | {
        f"p_frame_{clock.__name__}.webm": DamagedFile(
            muxed(VP8, clock, alter=zeroed(17, header=0)), range(17, 24), clock is as_shown
        )
        for clock in (as_shown, jittering, standing)
    }
    | {
        # It knows of them, because it counts its packets.
        "transport_packets.ts": DamagedFile(patched(muxed(PLAIN), cut_transport_packets), range(22, 24)),
    }
)

TRUNCATED_FILES = {
    f"{clock.__name__}{suffix}": patched(muxed(content, clock, **options), cut_end)
    for clock in (as_shown, as_decoded)
    for suffix, content, options in (
        (".mp4", B_FRAMES, {"movflags": "faststart"}),
        (".mov", B_FRAMES, {"movflags": "faststart"}),
        (".mkv", B_FRAMES, {}),
        (".webm", VP8, {}),
        (".flv", B_FRAMES, {}),
        (".ivf", VP8, {}),
        (".avi", MPEG4_B, {}),
    )
    if clock is as_decoded or suffix != ".avi"
} | {
    "packed.avi": patched(muxed(MPEG4_B, as_decoded, alter=packed), cut_end),
    "mjpeg.avi": patched(muxed(source("mjpeg"), as_decoded), cut_end),
    "apng.apng": patched(encoded("apng"), cut_end),
    "gif.gif": patched(encoded("gif", fps=10), cut_end),
}
"""Files without their end, which know how long they are."""

ENDLESS_FILES = {
    f"truncated{suffix}": patched(muxed(content), cut_end)
    for suffix, content in {".ts": B_FRAMES, ".mpg": mpeg2(side=192), ".h264": B_FRAMES}.items()
}
"""Files without their end, which nothing in them tells."""

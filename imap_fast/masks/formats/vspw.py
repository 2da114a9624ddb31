"""VSPW.

    data/<clip>/origin/00000.jpg    data/<clip>/mask/00000.png    label_num_dic_final.json    val.txt

A concept has one number in all clips. 0 is what is in no mask: other things, which readers take for void.
"""

from collections.abc import Mapping
from itertools import chain, count
from pathlib import Path

from imap_fast.masks.formats.captions import write_json
from imap_fast.masks.formats.names import safe_names
from imap_fast.masks.formats.numbers import check_numbered, write_numbers
from imap_fast.masks.formats.pictures import write_pictures
from imap_fast.masks.values import MaskValues

VOID = 255
"""A number that readers take for void, in 16 bits, too."""

MOST = 2**16 - 3
"""The most concepts: 0, 255 and 65535 are none."""


def write(clips: Mapping[str, MaskValues], folder: Path) -> None:
    """Write the masks, the frames if they are known, the numbers of labels, and the list of clips that show one."""
    labels = dict.fromkeys(chain.from_iterable(clip.labels for clip in clips.values()))
    check_numbered(clips, "vspw", MOST)
    if len(labels) > MOST:
        raise ValueError(f"vspw has numbers for {MOST} concepts, and the clips have {len(labels)}; name fewer")
    number_of = dict(zip(labels, (number for number in count(1) if number != VOID), strict=False))
    listed = []
    for clip, name in safe_names(clips).items():
        masks = clips[clip]
        numbers = [number_of[label] for label in masks.labels]
        if write_numbers(masks, numbers, folder / "data" / name / "mask"):
            listed.append(name)
        write_pictures(masks, folder / "data" / name / "origin")
    write_json(folder / "label_num_dic_final.json", number_of)
    (folder / "val.txt").write_text("".join(f"{name}\n" for name in listed), "utf-8")

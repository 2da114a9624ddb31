"""VSPW.

    data/<clip>/origin/00000.jpg    data/<clip>/mask/00000.png    label_num_dic_final.json    val.txt

A concept has one number in all clips. 0 is what is in no mask: other things, which readers take for void.
"""

from collections.abc import Mapping
from itertools import chain
from pathlib import Path

from imap_fast.masks.formats.captions import write_json
from imap_fast.masks.formats.names import safe_names
from imap_fast.masks.formats.numbers import check_numbered, numbers_of, write_numbers
from imap_fast.masks.formats.pictures import write_pictures
from imap_fast.masks.values import MaskValues

HIGHEST = 2**16 - 2
"""The highest number of a concept. Readers take the one above for void."""


def write(clips: Mapping[str, MaskValues], folder: Path) -> None:
    """Write the masks, the frames if they are known, the numbers of labels, and the list of clips that show one."""
    check_numbered(clips, "vspw")
    labels = dict.fromkeys(chain.from_iterable(clip.labels for clip in clips.values()))
    number_of = numbers_of(labels, "vspw", HIGHEST)
    listed = []
    for clip, name in safe_names(clips).items():
        if write_numbers(clips[clip], number_of, folder / "data" / name / "mask"):
            listed.append(name)
        write_pictures(clips[clip], folder / "data" / name / "origin")
    write_json(folder / "label_num_dic_final.json", number_of)
    (folder / "val.txt").write_text("".join(f"{name}\n" for name in listed), "utf-8")

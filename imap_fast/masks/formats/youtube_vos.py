"""YouTube-VOS.

    JPEGImages/<clip>/00000.jpg    Annotations/<clip>/00000.png    meta.json

A mask has a palette. The number of a concept is its place among the labels, from 1 on.
"""

from collections.abc import Mapping
from pathlib import Path

from imap_fast.masks.formats.captions import write_json
from imap_fast.masks.formats.names import safe_names
from imap_fast.masks.formats.numbers import check_numbered, numbers_of, write_numbers
from imap_fast.masks.formats.pictures import write_pictures
from imap_fast.masks.palette import DAVIS_PALETTE
from imap_fast.masks.values import MaskValues


def write(clips: Mapping[str, MaskValues], folder: Path) -> None:
    """Write the masks, the frames if they are known, and `meta.json`, which has the concepts that are seen."""
    check_numbered(clips, "youtube-vos")
    numbers_in = {clip: numbers_of(masks.labels, "youtube-vos") for clip, masks in clips.items()}
    videos = {}
    for clip, name in safe_names(clips).items():
        masks, number_of = clips[clip], numbers_in[clip]
        shown = write_numbers(masks, number_of, folder / "Annotations" / name, DAVIS_PALETTE)
        write_pictures(masks, folder / "JPEGImages" / name)
        if shown:
            objects = {str(number_of[label]): {"category": label, "frames": frames} for label, frames in shown.items()}
            videos[name] = {"objects": objects}
    write_json(folder / "meta.json", {"videos": videos})

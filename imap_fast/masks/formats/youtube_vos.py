"""YouTube-VOS.

    JPEGImages/<clip>/00000.jpg    Annotations/<clip>/00000.png    meta.json

A mask has a palette. The number of a concept is its place among the labels, from 1 on.
"""

from collections.abc import Mapping
from pathlib import Path

from imap_fast.masks.formats.captions import write_json
from imap_fast.masks.formats.names import safe_names
from imap_fast.masks.formats.numbers import check_numbered, write_numbers
from imap_fast.masks.formats.pictures import write_pictures
from imap_fast.masks.palette import DAVIS_PALETTE
from imap_fast.masks.values import MaskValues


def write(clips: Mapping[str, MaskValues], folder: Path) -> None:
    """Write the masks, the frames if they are known, and `meta.json`, which has the concepts that are seen."""
    check_numbered(clips, "youtube-vos")
    videos = {}
    for clip, name in safe_names(clips).items():
        masks = clips[clip]
        numbers = {label: number for number, label in enumerate(masks.labels, 1)}
        shown = write_numbers(masks, list(numbers.values()), folder / "Annotations" / name, DAVIS_PALETTE)
        write_pictures(masks, folder / "JPEGImages" / name)
        if shown:
            videos[name] = {
                "objects": {
                    str(numbers[label]): {"category": label, "frames": frames} for label, frames in shown.items()
                }
            }
    write_json(folder / "meta.json", {"videos": videos})

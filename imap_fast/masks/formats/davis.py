"""DAVIS 2017, and the captions that `imap-fast eval` reads with it.

    JPEGImages/Full-Resolution/<clip>/00000.jpg    Annotations/Full-Resolution/<clip>/00000.png    captions.json

A mask has a palette. The number of a concept is its place among the labels, from 1 on.
"""

from collections.abc import Mapping
from pathlib import Path

from imap_fast.masks.formats.captions import caption_of, write_json
from imap_fast.masks.formats.names import safe_names
from imap_fast.masks.formats.numbers import check_numbered, write_numbers
from imap_fast.masks.formats.pictures import write_pictures
from imap_fast.masks.palette import DAVIS_PALETTE
from imap_fast.masks.values import MaskValues

RESOLUTION = "Full-Resolution"
"""What DAVIS calls the size of the video."""


def write(clips: Mapping[str, MaskValues], folder: Path) -> None:
    """Write the masks, the frames if they are known, and `captions.json`, which has the concepts that are seen."""
    check_numbered(clips, "davis")
    captions = {}
    for clip, name in safe_names(clips).items():
        masks = clips[clip]
        numbers = {label: number for number, label in enumerate(masks.labels, 1)}
        shown = write_numbers(masks, list(numbers.values()), folder / "Annotations" / RESOLUTION / name, DAVIS_PALETTE)
        write_pictures(masks, folder / "JPEGImages" / RESOLUTION / name)
        if shown:
            concepts = {str(numbers[label]): label for label in shown}
            captions[name] = {"caption": caption_of(masks), "concepts": concepts}
    write_json(folder / "captions.json", captions)

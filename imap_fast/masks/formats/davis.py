"""DAVIS 2017, and the captions that `imap-fast eval` reads with it.

    JPEGImages/Full-Resolution/<clip>/00000.jpg    Annotations/Full-Resolution/<clip>/00000.png    captions.json

A mask has a palette. The number of a concept is its place among the labels, from 1 on.
"""

from collections.abc import Mapping
from pathlib import Path

from imap_fast.masks.formats.captions import caption_of, write_json
from imap_fast.masks.formats.names import safe_names
from imap_fast.masks.formats.numbers import check_numbered, numbers_of, write_numbers
from imap_fast.masks.formats.pictures import write_pictures
from imap_fast.masks.palette import DAVIS_PALETTE
from imap_fast.masks.values import MaskValues

RESOLUTION = "Full-Resolution"
"""What DAVIS calls the size of the video."""


def write(clips: Mapping[str, MaskValues], folder: Path) -> None:
    """Write the masks, the frames if they are known, and `captions.json`, which has the concepts that are seen."""
    check_numbered(clips, "davis")
    numbers_in = {clip: numbers_of(masks.labels, "davis") for clip, masks in clips.items()}
    captions = {}
    for clip, name in safe_names(clips).items():
        masks, number_of = clips[clip], numbers_in[clip]
        shown = write_numbers(masks, number_of, folder / "Annotations" / RESOLUTION / name, DAVIS_PALETTE)
        write_pictures(masks, folder / "JPEGImages" / RESOLUTION / name)
        if shown:
            concepts = {str(number_of[label]): label for label in shown}
            captions[name] = {"caption": caption_of(masks), "concepts": concepts}
    write_json(folder / "captions.json", captions)

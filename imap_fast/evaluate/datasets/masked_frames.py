"""A clip whose frames and masks are pictures of the same names in two folders."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from unicodedata import normalize

import numpy as np

from imap_fast.evaluate.datasets.mask_numbers import read_numbers
from imap_fast.evaluate.datasets.pictures import (
    FRAME_SUFFIXES,
    MASK_SUFFIXES,
    pictures_in,
    read_picture,
    refuse_twins,
)
from imap_fast.evaluate.example import Example, GroundTruth
from imap_fast.text.words import BACKGROUND, one_spelling
from imap_fast.video.clip import Clip

FPS = 24.0
"""The frame rate of DAVIS. Frames have no timestamps, and no measure depends on them."""

_SHOWN = 20
"""The most numbers of objects that an error names."""


def files_of(frames: Path, masks: Path) -> list[Path]:
    """The files that a clip is read from."""
    return pictures_in(frames, FRAME_SUFFIXES) + pictures_in(masks, MASK_SUFFIXES)


def read_frames(files: Sequence[Path]) -> Clip:
    """The frames of a clip.

    Raises:
        ValueError: one cannot be read, is not of 8 bits, or has another size than the first one.
    """
    frames = [read_picture(file) for file in files]
    for file, frame in zip(files, frames, strict=True):
        if frame.mode[0] in "IF":
            raise ValueError(f"{file} has the mode {frame.mode}, whose range is unknown; convert it to 8 bits")
        if frame.size != frames[0].size:
            raise ValueError(
                f"{file} is {frame.width} × {frame.height} and {files[0].name} {frames[0].width} × {frames[0].height}; "
                "give frames of one size"
            )
    return Clip.of(frames, FPS)


def read_masked(
    frames: Path, masks: Path, named: Mapping[int, str], *, are_labels: bool = False
) -> tuple[Clip, np.ndarray, np.ndarray, np.ndarray]:
    """The clip, the numbers of the objects in its masks, where they are void, and the numbers of the annotated frames.

    Arguments and errors are those of `read_numbers`, and frames and masks must fit each other.
    """
    files, mask_files = pictures_in(frames, FRAME_SUFFIXES), pictures_in(masks, MASK_SUFFIXES)
    if not files:
        raise ValueError(f"{frames} holds no .jpg or .png frame; copy it again")
    if not mask_files:
        raise ValueError(f"{masks} holds no mask of a frame in {frames}; a mask is a .png with the name of its frame")
    refuse_twins(files)
    refuse_twins(mask_files)
    # Some file systems decompose the letters of names.
    place_of = {normalize("NFC", file.stem): place for place, file in enumerate(files)}
    stems = [normalize("NFC", mask.stem) for mask in mask_files]
    for mask, stem in zip(mask_files, stems, strict=True):
        if stem not in place_of:
            raise ValueError(f"{mask} is the mask of no frame in {frames}; copy its frame, or remove it")
    clip = read_frames(files)
    height, width = clip.frames.shape[1:3]
    numbers, void = read_numbers(mask_files, (height, width), named, are_labels=are_labels)
    return clip, numbers, void, np.array([place_of[stem] for stem in stems])


def read_objects(frames: Path, masks: Path, caption: str, names: Mapping[int, str]) -> Example:
    """A clip with its objects. Those of one name are one concept; those without a name are background.

    Args:
        frames: the folder of its frames.
        masks: the folder of its masks.
        caption: what it shows.
        names: of its objects by number.

    Raises:
        ValueError: frames or masks cannot be read or do not fit each other, or no mask shows an object that has a name.
    """
    clip, numbers, void, annotated = read_masked(frames, masks, names)
    shown = np.unique(numbers[numbers > 0]).tolist()
    for number, name in names.items():
        if number not in shown:
            named = str(shown) if len(shown) <= _SHOWN else f"{str(shown[:_SHOWN])[:-1]}, … {shown[-1]}]"
            raise ValueError(
                f"{masks} shows the objects {named}, and {name!r} is number {number}; correct its number, or the masks"
            )
    return example_of(clip, caption, names, numbers, void, annotated)


def example_of(
    clip: Clip, caption: str, names: Mapping[int, str], numbers: np.ndarray, void: np.ndarray, annotated: np.ndarray
) -> Example:
    """An example whose concepts are the names and the background. Names that are only typed differently are one."""
    spelled = one_spelling(names.values())
    labels = {number: spelled[name] for number, name in names.items()}
    truths = tuple(
        GroundTruth(label, np.isin(numbers, [number for number, other in labels.items() if other == label]))
        for label in dict.fromkeys(labels.values())
    )
    concepts = tuple(dict.fromkeys((*labels.values(), BACKGROUND)))
    return Example(clip, caption, concepts, truths, annotated, void=void if void.any() else None)

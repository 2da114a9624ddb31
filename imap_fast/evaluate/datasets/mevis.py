"""MeViS: expressions of motion, each of one or several objects of a video.

    <split>/JPEGImages/<video>/*.jpg
    <split>/meta_expressions.json
    <split>/mask_dict.json

`mask_dict.json` has the masks of each annotation: a COCO RLE for each frame of its video, or null where it is not seen.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from imap_fast.evaluate.datasets.descriptions import digest_of, read_object
from imap_fast.evaluate.datasets.expressions import FILE, Expression, choose, read_expressions
from imap_fast.evaluate.datasets.masked_frames import example_of, read_frames
from imap_fast.evaluate.datasets.pictures import FRAME_SUFFIXES, folders_in, pictures_in
from imap_fast.evaluate.datasets.renames import Renames
from imap_fast.evaluate.datasets.rle import decode_rle
from imap_fast.evaluate.datasets.skipped import skipped_in
from imap_fast.evaluate.example import DataSet, Example
from imap_fast.files import sha256_of

MASKS = "mask_dict.json"

MOST_MASK_BYTES = 2**31
"""The largest file of masks. That of the training split has about a quarter."""


def mevis(folder: Path, *, concepts: Path | None = None) -> DataSet:
    """The expressions of a split of MeViS. Each is a clip.

    The caption is the expression. The concept is the noun phrase that it begins with; see
    `imap_fast.evaluate.datasets.noun_phrase.noun_phrase`. All objects of an expression are one concept. Beside it, the
    background is measured.

    `mask_dict.json` is read once, and is in memory as long as the data set. A file of 500 MB took 1.1 to 1.3 GB while
    it was read, and then 0.6 to 0.8 GB.

    Args:
        folder: of the split. That of `valid` has no masks, and that of `valid_u` does.
        concepts: a JSON object `{expression: what to look for}`. None: noun phrases.

    Raises:
        ValueError: another layout, a file of another form, or a split without masks.
    """
    frames, masks = folder / "JPEGImages", folder / MASKS
    for needed in (frames, folder / FILE):
        if not needed.exists():
            raise ValueError(f"{folder} has no {needed.name}, so it is no split of MeViS; copy it again")
    if not masks.exists():
        raise ValueError(f"{folder} has no {MASKS}, so nothing can be measured; give train or valid_u, which have one")
    renames = Renames(concepts)
    there = folders_in(frames)
    found = read_expressions(folder / FILE, renames)
    read, left_out = choose(found, there, renames, lambda each: each.annotations)
    if not read:
        raise ValueError(f"no expression in {folder / FILE} has an annotation of a clip in {frames}; copy it again")
    needed_masks = {str(number) for each in read.values() for number in each.annotations}
    rles = {number: each for number, each in read_object(masks, MOST_MASK_BYTES).items() if number in needed_masks}
    clips = {name: partial(_read, frames / each.video, each, masks, rles) for name, each in read.items()}
    files_of_video = {each.video: partial(_files, frames / each.video, each.frames) for each in read.values()}
    files = {name: files_of_video[each.video] for name, each in read.items()}
    source = {
        "data": folder.resolve().name,
        "expressions": digest_of(list(read.items())),
        "masks": sha256_of(masks),
    }
    return DataSet(source, clips, files, folder, partial(skipped_in, folder, files, left_out))


def _files(folder: Path, names: tuple[str, ...]) -> list[Path]:
    """The frames of a video, in the order of their names. One may be missing."""
    file_of = {file.stem: file for file in reversed(pictures_in(folder, FRAME_SUFFIXES))}
    return [file_of.get(name, folder / f"{name}.jpg") for name in names]


def _read(folder: Path, expression: Expression, masks: Path, rles: dict[str, Any]) -> Example:
    names = expression.frames
    if not names or len(set(names)) < len(names):
        raise ValueError(
            f"{folder.parent.parent / FILE} names no frames of {expression.video!r}, or one twice; copy it again"
        )
    clip = read_frames(_files(folder, names))
    height, width = clip.frames.shape[1:3]
    numbers = np.zeros((len(names), height, width), np.uint8)
    for annotation in expression.annotations:
        found = rles.get(str(annotation))
        if not isinstance(found, list) or len(found) != len(names):
            count = len(found) if isinstance(found, list) else "no"
            raise ValueError(
                f"{masks} has {count} masks of the annotation {annotation}, and its video has {len(names)} frames; "
                "copy both again"
            )
        for frame, rle in enumerate(found):
            if rle is None:  # it is not seen
                continue
            try:
                numbers[frame][decode_rle(rle, (height, width))] = 1
            except ValueError as error:
                raise ValueError(
                    f"{masks}: {error} (annotation {annotation}, frame {names[frame]}); copy it again"
                ) from error
    if not numbers.any():
        raise ValueError(
            f"{masks} shows the expression {expression.text!r} in no frame of {expression.video!r}; copy it again"
        )
    names_of = {1: expression.concept}
    return example_of(clip, expression.text, names_of, numbers, np.zeros(numbers.shape, bool), np.arange(len(names)))

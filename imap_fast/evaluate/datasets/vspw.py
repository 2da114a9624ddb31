"""VSPW: every pixel has a label.

    data/<clip>/origin/*.jpg    data/<clip>/mask/*.png    label_num_dic_final.json    train.txt, val.txt, test.txt

A mask has the name of its frame, and its pixels are numbers of labels. 0, the other things, and 255 are void.
"""

from functools import partial
from pathlib import Path

import numpy as np

from imap_fast.evaluate.datasets.captions import NUMBERS, read_captions
from imap_fast.evaluate.datasets.descriptions import can_name_object, digest_of, read_object
from imap_fast.evaluate.datasets.mask_numbers import VOID
from imap_fast.evaluate.datasets.masked_frames import example_of, files_of, read_masked
from imap_fast.evaluate.datasets.pictures import folders_in
from imap_fast.evaluate.datasets.renames import Renames
from imap_fast.evaluate.datasets.skipped import RENAMES, VIDEOS, skipped_in
from imap_fast.evaluate.example import DataSet, Example
from imap_fast.files import read_up_to

LABELS = "label_num_dic_final.json"
SPLITS = ("train", "val", "test")

_LARGEST_LIST = 2**24


def is_vspw(root: Path) -> bool:
    """Whether a folder has the layout of VSPW."""
    names = (LABELS, *(f"{split}.txt" for split in SPLITS))
    return (root / "data").is_dir() and any((root / name).is_file() for name in names)


def vspw(data: Path, *, captions: Path | None = None, concepts: Path | None = None) -> DataSet:
    """The clips of VSPW. Each label that a clip shows is a concept, and so is the background.

    The caption is the names of the labels that the clip shows.

    Args:
        data: the folder, or one of its lists, such as `VSPW/val.txt`. A folder with one list or none is read as well.
        captions: a JSON object `{clip: {"caption": …, "concepts": {number of the label: name}}}`. Only its clips are
            read, and other labels are background. None: all labels.
        concepts: a JSON object `{label: what to look for}`. None: the labels, with blanks in place of `_`.

    Raises:
        ValueError: another layout, a file of another form, or a folder with several lists.
    """
    root, wanted = (data.parent, _listed(data)) if data.is_file() else (data, _of_the_only_list(data))
    folder, renames = root / "data", Renames(concepts)
    names = _labels(root / LABELS, renames)
    there = {name for name in folders_in(folder) if {"origin", "mask"} <= folders_in(folder / name)}
    texts = None if captions is None else read_captions(captions, renames)
    missing = sorted((wanted or set()) - there)
    found = sorted(there if wanted is None else there & wanted)
    if texts is not None:
        unknown = sorted(texts.keys() - set(found))
        if unknown:
            raise ValueError(f"{captions} names the clip {unknown[0]!r}, which {data} does not hold; remove it")
        found = sorted(texts)
    if not found:
        raise ValueError(f"{data} has no clip with the folders origin and mask in {folder}; see the layout of VSPW")
    clips = {name: partial(_read, folder / name, names, None if texts is None else texts[name]) for name in found}
    files = {name: partial(files_of, folder / name / "origin", folder / name / "mask") for name in found}
    skipped = partial(skipped_in, root, files, {VIDEOS: missing, RENAMES: renames.unused})
    source = {
        "data": root.resolve().name,
        "list": data.name if data.is_file() else None,
        "labels": digest_of(names),
        "captions": digest_of(texts),
    }
    return DataSet(source, clips, files, root, skipped)


def _of_the_only_list(root: Path) -> set[str] | None:
    """The clips of the only list of a folder. None: it has no list, and all clips count."""
    lists = [root / f"{split}.txt" for split in SPLITS if (root / f"{split}.txt").is_file()]
    if len(lists) > 1:
        raise ValueError(f"{root} has several splits; give one: {', '.join(map(str, lists))}")
    return _listed(lists[0]) if lists else None


def _listed(path: Path) -> set[str]:
    try:
        lines = read_up_to(path, _LARGEST_LIST).decode("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as a list of clips ({error}); give a text file") from error
    return {line.split()[0] for line in lines if line.strip()}


def _labels(path: Path, renames: Renames) -> dict[int, str]:
    """What to look for in place of each label, by its number, without those that are void."""
    if not path.exists():
        raise ValueError(f"{path} is missing, which names the labels of VSPW; copy it again")
    names = {}
    for label, number in read_object(path).items():
        try:
            number = int(number)
        except (TypeError, ValueError, OverflowError):
            number = -1
        concept = renames(label, label.replace("_", " "))
        if number in names or (number != 0 and number not in NUMBERS):
            raise ValueError(f"{path} gives {label!r} no number of its own from 0 to {NUMBERS[-1]}; copy it again")
        if number not in (0, VOID) and not can_name_object(concept):
            raise ValueError(
                f"{path} has the label {label!r}, which can name nothing; say what to look for with concepts"
            )
        names[number] = concept
    return {number: name for number, name in names.items() if number not in (0, VOID)}


def _read(folder: Path, names: dict[int, str], text: tuple[str, dict[int, str]] | None) -> Example:
    clip, numbers, _, annotated = read_masked(folder / "origin", folder / "mask", {}, are_labels=True)
    void = numbers == 0
    shown = np.unique(numbers[~void]).tolist()
    unknown = [number for number in shown if number not in names]
    if unknown:
        raise ValueError(f"{folder / 'mask'} shows the label {unknown[0]}, which {LABELS} does not name; copy it again")
    caption, wanted = (None, names) if text is None else text
    named = {number: name for number, name in wanted.items() if number in shown}
    if not named:
        raise ValueError(f"{folder / 'mask'} shows none of the labels that have a name; check the masks")
    caption = ", ".join(dict.fromkeys(named.values())) if caption is None else caption
    return example_of(clip, caption, named, numbers, void, annotated)

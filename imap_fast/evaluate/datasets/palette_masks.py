"""Folders of frames and palette masks, in the layout of DAVIS and YouTube-VOS.

    JPEGImages/<resolution>/<clip>/*.jpg    Annotations/<resolution>/<clip>/*.png    (DAVIS)
    JPEGImages/<clip>/*.jpg                 Annotations/<clip>/*.png, meta.json      (YouTube-VOS)

Frames are in the order of the numbers in their names. A mask has the name of its frame. Its pixels are the numbers of
objects, and 0 is the background. Objects without a name count as background, too. Frames without a mask have no ground
truth.
"""

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from imap_fast.evaluate.datasets.descriptions import can_name_object, is_text, read_json
from imap_fast.evaluate.datasets.pictures import (
    FRAME_SUFFIXES,
    MASK_SUFFIXES,
    pictures_in,
    read_picture,
    refuse_twins,
)
from imap_fast.evaluate.example import BACKGROUND, DataSet, Example, GroundTruth
from imap_fast.video.clip import Clip

USUAL_RESOLUTION = "480p"
"""The resolution of DAVIS at which methods are usually evaluated."""

NUMBERS = range(1, 256)
"""The numbers that an object can have in a mask."""

FPS = 24.0
"""The frame rate of DAVIS. Frames have no timestamps, and no measure depends on them."""


def palette_masks(folder: Path, *, captions: Path | None = None) -> DataSet:
    """The clips of a folder. Each object is a concept, and so is the background.

    Objects with the same name in a clip are one concept, because words cannot distinguish them.

    Args:
        folder: a folder in the layout of DAVIS or YouTube-VOS. If it has several resolutions, 480p is read, or the
            first one by name.
        captions: a JSON object `{clip: {"caption": …, "concepts": {number of the object: name}}}`. Only its clips are
            read. None: `meta.json`, whose categories are the concepts and the caption.

    Raises:
        ValueError: another layout, no captions and no `meta.json`, or a clip that does not exist.
    """
    frames, masks = _clip_folders(folder)
    texts = _read_captions(captions) if captions is not None else _read_meta(folder / "meta.json")
    missing = sorted(texts.keys() - {clip.name for clip in frames.iterdir()})
    if missing and captions is not None:
        raise ValueError(f"{captions} names the clip {missing[0]!r}, which {frames} does not hold; remove it")
    names = sorted(texts.keys() - set(missing))
    clips = {name: partial(_read, frames / name, masks / name, *texts[name]) for name in names}
    if not clips:
        raise ValueError(f"{captions or folder / 'meta.json'} names no clip of {frames}; name at least one")
    digest = hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()
    files = {name: partial(_files, frames / name, masks / name) for name in names}
    return DataSet({"data": folder.resolve().name, "captions": digest}, clips, files, folder)


def _clip_folders(folder: Path) -> tuple[Path, Path]:
    """The folders with the frames and the masks of the clips."""
    frames, masks = folder / "JPEGImages", folder / "Annotations"
    if not frames.is_dir() or not masks.is_dir():
        raise ValueError(f"{folder} does not have the layout of DAVIS; give a folder with JPEGImages and Annotations")
    if _holds_clips(frames):
        return frames, masks
    resolutions = sorted(each.name for each in frames.iterdir() if _holds_clips(each) and (masks / each.name).is_dir())
    if not resolutions:
        raise ValueError(f"{frames} holds no clip of .jpg frames with masks in {masks}; see DAVIS or YouTube-VOS")
    resolution = USUAL_RESOLUTION if USUAL_RESOLUTION in resolutions else resolutions[0]
    return frames / resolution, masks / resolution


def _holds_clips(folder: Path) -> bool:
    return any(pictures_in(clip, FRAME_SUFFIXES) for clip in folder.glob("*"))


def _read_captions(path: Path) -> dict[str, tuple[str, dict[int, str]]]:
    """The caption of each clip, and the names of its objects by number."""
    texts_of = {}
    for clip, entry in _object(path).items():
        try:
            caption, names = entry["caption"], _names(entry["concepts"])
        except (AttributeError, KeyError, TypeError, ValueError):
            caption, names = None, {}
        if not names or not is_text(caption):
            raise ValueError(
                f'{path}: write {clip!r} like {{"caption": "a dog runs", "concepts": {{"1": "dog"}}}}, in valid '
                f"Unicode and with {_RULE}, not {entry!r}"
            )
        texts_of[clip] = caption, names
    return texts_of


_RULE = f"each number from {NUMBERS[0]} to {NUMBERS[-1]} at most once, and no background, which is always measured"


def _names(objects: dict[str, str]) -> dict[int, str]:
    """The names of the objects of a clip by number.

    Raises:
        AttributeError, TypeError, ValueError: the objects do not follow `_RULE`, or have no such names.
    """
    names = {int(number): name.strip() for number, name in objects.items()}
    are_numbers = len(names) == len(objects) and all(number in NUMBERS for number in names)
    if not are_numbers or not all(map(can_name_object, names.values())):
        raise ValueError(f"{objects!r}: give names in valid Unicode, with {_RULE}")
    return names


def _read_meta(path: Path) -> dict[str, tuple[str, dict[int, str]]]:
    """The same as `_read_captions`, from the categories of YouTube-VOS."""
    if not path.exists():
        raise ValueError(
            f"{path.parent} has no meta.json that describes its clips; give captions, a JSON object "
            '{clip: {"caption": "a dog runs", "concepts": {"1": "dog"}}}'
        )
    content, texts_of = _object(path), {}
    try:
        for clip, entry in content["videos"].items():
            objects = entry["objects"].items()
            names = _names({number: each["category"].replace("_", " ") for number, each in objects})
            texts_of[clip] = ", ".join(dict.fromkeys(names.values())), names
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not the meta.json of YouTube-VOS ({error!r}); give captions instead") from error
    return texts_of


def _object(path: Path) -> dict[str, Any]:
    content = read_json(path, "a JSON object")
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a JSON {type(content).__name__}; give a JSON object")
    return content


def _files(frames: Path, masks: Path) -> list[Path]:
    return pictures_in(frames, FRAME_SUFFIXES) + pictures_in(masks, MASK_SUFFIXES)


def _read(frames: Path, masks: Path, caption: str, names: dict[int, str]) -> Example:
    files, mask_files = pictures_in(frames, FRAME_SUFFIXES), pictures_in(masks, MASK_SUFFIXES)
    if not files:
        raise ValueError(f"{frames} holds no .jpg frame; copy it again")
    if not mask_files:
        raise ValueError(f"{masks} holds no mask of a frame in {frames}; a mask is a .png with the name of its frame")
    refuse_twins(files)
    refuse_twins(mask_files)
    place_of = {file.stem: place for place, file in enumerate(files)}
    for mask in mask_files:
        if mask.stem not in place_of:
            raise ValueError(f"{mask} is the mask of no frame in {frames}; copy its frame, or remove it")
    clip = Clip.of([read_picture(file) for file in files], FPS)
    numbers = np.stack([_palette(mask, clip) for mask in mask_files])
    _refuse_unknown(masks, names, np.unique(numbers[numbers > 0]).tolist())
    truths = tuple(
        GroundTruth(label, np.isin(numbers, [number for number, name in names.items() if name == label]))
        for label in dict.fromkeys(names.values())
    )
    concepts = tuple(dict.fromkeys((*names.values(), BACKGROUND)))
    return Example(clip, caption, concepts, truths, np.array([place_of[mask.stem] for mask in mask_files]))


def _refuse_unknown(masks: Path, names: dict[int, str], shown: list[int]) -> None:
    """Raise ValueError if an object that has a name is in no mask. Masks of 0 and 255 are a common cause."""
    for number, name in names.items():
        if number not in shown:
            raise ValueError(
                f"{masks} shows the objects {shown}, and {name!r} is number {number}; correct its number, or the masks"
            )


def _palette(path: Path, clip: Clip) -> np.ndarray:
    """The numbers of the objects in a mask, uint8 `[H, W]`."""
    picture = read_picture(path)
    if picture.mode not in ("P", "L", "1"):
        raise ValueError(f"{path} has the mode {picture.mode}; give masks with a palette, whose pixels are numbers")
    numbers = np.asarray(picture, np.uint8)
    if numbers.shape != clip.frames.shape[1:3]:
        raise ValueError(f"{path} is {list(numbers.shape)} and its frame {list(clip.frames.shape[1:3])}; give one size")
    return numbers

"""Folders of frames and palette masks, as DAVIS and YouTube-VOS are given out.

    JPEGImages/<resolution>/<clip>/*.jpg    Annotations/<resolution>/<clip>/*.png    (DAVIS)
    JPEGImages/<clip>/*.jpg                 Annotations/<clip>/*.png, meta.json      (YouTube-VOS)

A mask has its frame's name, and its pixels are the numbers of objects, 0 where there is none. Nothing is known of
frames without a mask.
"""

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imap_fast.evaluate.example import BACKGROUND, DataSet, Example, Truth
from imap_fast.video import Clip

USUAL_RESOLUTION = "480p"
"""Of those that DAVIS has, the one that is evaluated at."""

FPS = 24.0
"""Of DAVIS. Frames carry no times, and no measure depends on them."""


def palette_masks(folder: Path, *, captions: Path | None = None) -> DataSet:
    """The clips of a folder, each object a concept, and beside them the background.

    Objects of one name in a clip are one concept: words cannot tell them apart.

    Args:
        folder: in the layout of DAVIS or YouTube-VOS. Of several resolutions, 480p, else the first by name.
        captions: a JSON object `{clip: {"caption": …, "concepts": {object's number: name}}}`; only its clips are read.
            None: the categories in `meta.json`, which are then the caption too.

    Raises:
        ValueError: another layout, nothing that says what is in the clips, or a clip that is not there.
    """
    frames, masks = _clip_folders(folder)
    told = _of_captions(captions) if captions is not None else _of_meta(folder / "meta.json")
    missing = sorted(told.keys() - {clip.name for clip in frames.iterdir()})
    if missing and captions is not None:
        raise ValueError(f"{captions} names the clip {missing[0]!r}, which {frames} does not hold; remove it")
    clips = {
        name: partial(_read, frames / name, masks / name, *told[name]) for name in sorted(told.keys() - set(missing))
    }
    if not clips:
        raise ValueError(f"{captions or folder / 'meta.json'} names no clip of {frames}; name at least one")
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return DataSet({"data": str(folder), "captions": digest}, clips)


def _clip_folders(folder: Path) -> tuple[Path, Path]:
    """The folders that hold clips' frames and their masks."""
    frames, masks = folder / "JPEGImages", folder / "Annotations"
    if not frames.is_dir() or not masks.is_dir():
        raise ValueError(f"{folder} is not like DAVIS or YouTube-VOS; give a folder with JPEGImages and Annotations")
    if any(frames.glob("*/*.jpg")):
        return frames, masks
    resolutions = sorted(
        each.name for each in frames.iterdir() if any(each.glob("*/*.jpg")) and (masks / each.name).is_dir()
    )
    if not resolutions:
        raise ValueError(f"{frames} holds no clip of .jpg frames that {masks} has masks of; see DAVIS or YouTube-VOS")
    resolution = USUAL_RESOLUTION if USUAL_RESOLUTION in resolutions else resolutions[0]
    return frames / resolution, masks / resolution


def _of_captions(path: Path) -> dict[str, tuple[str, dict[int, str]]]:
    """Each clip's caption, and its objects' names by number."""
    told = {}
    for clip, given in _object(path).items():
        try:
            names = {int(number): name for number, name in given["concepts"].items()}
            texts = (given["caption"], *names.values())
        except (AttributeError, KeyError, TypeError, ValueError):
            texts = (None,)
        if len(texts) == 1 or not all(isinstance(text, str) and text.strip() for text in texts):
            raise ValueError(
                f'{path}: write {clip!r} like {{"caption": "a dog runs", "concepts": {{"1": "dog"}}}}, not {given!r}'
            )
        told[clip] = given["caption"], names
    return told


def _of_meta(path: Path) -> dict[str, tuple[str, dict[int, str]]]:
    """The same, where categories are all that is known."""
    if not path.exists():
        raise ValueError(
            f"{path.parent} does not say what is in its clips; give captions, a JSON object "
            '{clip: {"caption": "a dog runs", "concepts": {"1": "dog"}}}'
        )
    told = {}
    try:
        for clip, given in _object(path)["videos"].items():
            names = {int(number): each["category"].replace("_", " ") for number, each in given["objects"].items()}
            told[clip] = ", ".join(dict.fromkeys(names.values())), names
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not the meta.json of YouTube-VOS ({error!r}); give captions instead") from error
    return told


def _object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as JSON ({error}); give a JSON object") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no JSON object, but a {type(content).__name__}")
    return content


def _read(frames: Path, masks: Path, caption: str, names: dict[int, str]) -> Example:
    files = sorted(frames.glob("*.jpg"))
    if not files:
        raise ValueError(f"{frames} holds no .jpg frame; copy it again")
    annotated = [number for number, file in enumerate(files) if (masks / f"{file.stem}.png").exists()]
    if not annotated:
        raise ValueError(f"{masks} holds no mask of a frame in {frames}; a mask has its frame's name and ends in .png")
    clip = Clip.of([Image.open(file) for file in files], FPS)
    numbers = np.stack([_palette(masks / f"{files[number].stem}.png", clip) for number in annotated])
    truths = tuple(
        Truth(label, np.isin(numbers, [number for number, name in names.items() if name == label]))
        for label in dict.fromkeys(names.values())
    )
    concepts = tuple(dict.fromkeys((*names.values(), BACKGROUND)))
    return Example(clip, caption, concepts, truths, np.array(annotated))


def _palette(path: Path, clip: Clip) -> np.ndarray:
    """The objects' numbers of a mask, uint8 `[H, W]`."""
    with Image.open(path) as picture:
        if picture.mode not in ("P", "L", "1"):
            raise ValueError(f"{path} is a picture of mode {picture.mode}, not a palette's; give masks of numbers")
        numbers = np.asarray(picture)
    if numbers.shape != clip.frames.shape[1:3]:
        raise ValueError(f"{path} is {list(numbers.shape)} and its frame {list(clip.frames.shape[1:3])}; give one size")
    return numbers

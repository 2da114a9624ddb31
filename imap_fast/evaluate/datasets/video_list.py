"""JSON lists of videos in the format of the authors: `video_path`, `caption`, `concepts`, `object`.

`concepts` are a list, or a text with commas. So are `motions`, which may be left out, and `object`: the thing with
masks, or words to look for as well. In a record without masks and without `motions`, a word of `object` that is none of
the concepts is a motion, as in the lists of the paper. A record without `video_path` is of a video that is generated
from its caption. Other entries are not read.

A list has no masks, and then nothing is measured. Optional masks of the `object` are files next to the videos,
`masks/<name of the video>/<number of the frame>.png`. Pixels other than 0 belong to the object. In RGB, 0 is black.
"""

import os
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from imap_fast.evaluate.datasets.descriptions import can_name_object, digest_of, is_text, read_json
from imap_fast.evaluate.datasets.pictures import MASK_SUFFIXES, pictures_in, read_picture, refuse_twins
from imap_fast.evaluate.datasets.sizes import fitted
from imap_fast.evaluate.datasets.skipped import skipped_in
from imap_fast.evaluate.example import DataSet, Example, GroundTruth
from imap_fast.text.normalized import compared
from imap_fast.text.words import BACKGROUND, check_motions, one_spelling
from imap_fast.video.clip import Clip
from imap_fast.video.read import read_clip
from imap_fast.video.times import check_stretch

MASKS = "masks"

OPAQUE = ("1", "L", "P", "I", "I;16", "RGB")
"""The modes of masks, where 0 is black. Pillow reads 16 bits as "I;16" or "I"."""


def video_list(path: Path, *, videos: Path | None = None, generate: bool = False) -> DataSet:
    """The videos of a list, with the concepts to look for.

    Args:
        path: a JSON list of `{"video_path": …, "caption": …, "concepts": […], "motions": […], "object": …}`. `concepts`
            and `motions` may be a text with commas, too. `motions` is optional, like `object`, which may be one of the
            concepts, but not the background; a text with commas names several. Those that are no concepts are motions,
            if there are neither masks nor `motions`. `start` and `end`, in seconds or as `"1:20.5"`, are a stretch of
            the video; then its object has no masks, which are numbered in the whole video.
        videos: the folder to which `video_path` is relative. None: the folder of the list.
        generate: whether the video of a record without `video_path` is generated from its caption. `evaluate` needs a
            function for it.

    Raises:
        ValueError: the file is no such list, a record is incomplete, one has no video and `generate` is off, or two
            records with another video or object would have the same masks.
    """
    records = read_json(path, "a JSON list")
    if not isinstance(records, list) or not records:
        raise ValueError(f"{path} holds no list of records; write one like {_LIKE}")
    root = path.parent if videos is None else videos
    clips, files, mask_files = {}, {}, {}
    masked: dict[Path, tuple[int, tuple[Path, str]]] = {}  # by the folder of masks: the first record, and what it shows
    for number, record in enumerate(records):
        _check(path, number, record)
        if record.get("video_path") is None:
            if not generate:
                raise ValueError(
                    f"{path}: record {number} has no video_path; pass --generate (generate=True) to generate its video "
                    "from its caption, or name a video"
                )
            clips[f"{number:04d}-{_slug(record['caption'])}"] = partial(_to_generate, record)
            continue
        video, folder = _video_and_masks(root, record)
        if folder is not None and _stretch(record) != (None, None):
            raise ValueError(
                f"{path}: record {number} has a stretch, but {folder} has masks of the whole video; omit start and end"
            )
        if folder is not None:
            if len(objects := _words(record["object"])) > 1:
                raise ValueError(
                    f"{path}: record {number} has the objects {objects}, and {folder} has masks of one; name the one"
                )
            shown = video, compared(objects[0])
            first, shown_first = masked.setdefault(folder, (number, shown))
            if shown != shown_first:
                raise ValueError(
                    f"{path}: records {first} and {number} are of other videos or objects, and {folder} would be the "
                    "masks of both; rename a video, or omit the object of one record"
                )
        # The number makes names unique: a video may occur twice, with other concepts.
        name = f"{number:04d}-{_short(Path(record['video_path']).name)}"
        clips[name], files[name] = partial(_read, root, record), partial(_files, root, record)
        if folder is not None:
            mask_files[name] = partial(pictures_in, folder, MASK_SUFFIXES)
    source: dict[str, Any] = {"data": path.name, "records": digest_of(records), "videos": root.resolve().name}
    source |= {"generate": True} if generate else {}
    return DataSet(source, clips, files, root, partial(skipped_in, root, mask_files, {}))


_LONGEST_NAME = 200
"""Bytes. Folders have names of at most 255."""

_LIKE = '[{"video_path": "cat.mp4", "caption": "a cat jumps", "concepts": ["cat", "jumps"], "object": "cat"}]'


def _words(given: str | list[str]) -> list[str]:
    """The words of a list, or of a text with commas, each once."""
    words = (word.strip() for word in (given.split(",") if isinstance(given, str) else given))
    return list(dict.fromkeys(word for word in words if word))


def _short(name: str) -> str:
    """The end of a name, so that the name of a folder can hold it."""
    return name.encode()[-_LONGEST_NAME:].decode(errors="ignore")


def _slug(caption: str) -> str:
    """A few words of a caption, as a part of the name of a folder."""
    return "-".join(re.findall("[a-z0-9]+", caption.lower())[:6])[:60] or "generated"


def _check(path: Path, number: int, record: Any) -> None:
    texts: dict[Any, Any] = {}
    if isinstance(record, dict) and isinstance(record.get("concepts"), list | str):
        concepts = record["concepts"]
        texts = {"caption": record.get("caption"), "object": record.get("object", "-")}
        texts |= dict(enumerate([concepts] if isinstance(concepts, str) else concepts))
        motions = record.get("motions", ())
        texts |= {f"motion {place}": each for place, each in enumerate(motions if _is_list(motions) else [motions])}
        if record.get("video_path") is not None:
            texts["video_path"] = record["video_path"]
    is_complete = len(texts) > 2 and all(map(is_text, texts.values()))
    if not is_complete or not _words(record["concepts"]) or not _words(record.get("object", "-")):
        raise ValueError(f"{path}: record {number} is incomplete or not valid Unicode; write records like {_LIKE}")
    try:
        stretch = _stretch(record)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: record {number} has no stretch of a video: {error}") from error
    if record.get("video_path") is None and stretch != (None, None):
        raise ValueError(f"{path}: record {number} has a stretch and no video_path; omit start and end")
    for word in _words(record.get("object", "-")):
        if not can_name_object(word):
            raise ValueError(
                f"{path}: record {number} has the object {word!r}, which is always measured; name another one"
            )

    try:
        check_motions(_words(record.get("motions", ())), _words(record["concepts"]))
    except ValueError as error:
        raise ValueError(f"{path}: record {number}: {error}") from error


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _stretch(record: dict[str, Any]) -> tuple[float | None, float | None]:
    return check_stretch(record.get("start"), record.get("end"))


def _video_and_masks(root: Path, record: dict[str, Any]) -> tuple[Path, Path | None]:
    """The video of a record, and the folder of the masks of its object if there is one."""
    video = root / record["video_path"]
    folder = root / MASKS / video.stem
    # Unlike Path.is_dir, no error about a name that is too long: reading its video tells.
    return video, folder if os.path.isdir(folder) and "object" in record else None


def _files(root: Path, record: dict[str, Any]) -> list[Path]:
    video, folder = _video_and_masks(root, record)
    return [video] if folder is None else [video, *pictures_in(folder, MASK_SUFFIXES)]


def _spelled(record: dict[str, Any]) -> dict[str, str]:
    """The words of a record, each with the first one that is only typed in another way."""
    return one_spelling((BACKGROUND, *_all_words(record)))


def _all_words(record: dict[str, Any]) -> list[str]:
    return [word for name in ("concepts", "object", "motions") for word in _words(record.get(name, ()))]


def _concepts(record: dict[str, Any]) -> tuple[str, ...]:
    spelled = _spelled(record)
    return tuple(dict.fromkeys(spelled[word] for word in _all_words(record)))


def _motions(record: dict[str, Any], *, has_masks: bool) -> tuple[str, ...]:
    """The words of `motions`. Without them, and without masks, those of `object` that are no concepts."""
    spelled = _spelled(record)
    if "motions" in record or has_masks:
        return tuple(spelled[word] for word in _words(record.get("motions", ())))
    things = {spelled[word] for word in _words(record["concepts"])}
    return tuple(
        dict.fromkeys(spelled[word] for word in _words(record.get("object", ())) if spelled[word] not in things)
    )


def _to_generate(record: dict[str, Any]) -> Example:
    return Example(None, record["caption"], _concepts(record), motions=_motions(record, has_masks=False))


def _read(root: Path, record: dict[str, Any]) -> Example:
    (video, folder), spelled = _video_and_masks(root, record), _spelled(record)
    concepts, motions = _concepts(record), _motions(record, has_masks=folder is not None)
    if folder is None:
        start, end = _stretch(record)
        return Example(video, record["caption"], concepts, start=start, end=end, motions=motions)
    clip = read_clip(video)
    masks = pictures_in(folder, MASK_SUFFIXES)
    if not masks:
        raise ValueError(f"{folder} holds no .png mask; remove it, or name masks by the number of their frame")
    annotated = np.array([_number(file, clip) for file in masks])
    refuse_twins(masks)
    (label,) = _words(record["object"])
    truth = GroundTruth(spelled[label], np.stack([_mask(file, clip) for file in masks]))
    concepts = tuple(dict.fromkeys((*concepts, BACKGROUND)))
    return Example(clip, record["caption"], concepts, (truth,), annotated, motions=motions)


def _number(file: Path, clip: Clip) -> int:
    if not file.stem.isdecimal() or int(file.stem) >= len(clip.frames):
        raise ValueError(f"{file} is not named by a frame; the frames of the video are 0 to {len(clip.frames) - 1}")
    return int(file.stem)


def _mask(file: Path, clip: Clip) -> np.ndarray:
    """Where a mask is not black, bool `[H, W]`."""
    picture = read_picture(file)
    if picture.mode not in OPAQUE or "transparency" in picture.info:
        found = "transparency" if "transparency" in picture.info else f"the mode {picture.mode}"
        raise ValueError(f"{file} has {found}; give an opaque mask, grey, RGB or with a palette, where 0 is no object")
    if picture.mode == "P" and any((picture.getpalette() or [])[:3]):
        raise ValueError(f"{file} has a palette whose first colour is not black; make 0 the background, and black")
    mask = np.asarray(picture).reshape(picture.height, picture.width, -1).max(-1) > 0
    return fitted(mask, clip.frames.shape[1:3], file)

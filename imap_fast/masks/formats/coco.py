"""COCO: run lengths of each concept in each frame. Masks may overlap.

images/<clip>/00000.jpg    annotations.json
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from imap_fast.masks.formats.names import safe_names
from imap_fast.masks.formats.pictures import frame_name, write_pictures
from imap_fast.masks.values import MaskValues


def write(clips: Mapping[str, MaskValues], folder: Path) -> None:
    """Write the annotations as they are made, and the frames if they are known.

    Raises:
        ValueError: pycocotools is not installed.
    """
    if find_spec("pycocotools") is None:
        raise ValueError("coco needs pycocotools: pip install 'imap-fast[masks]'")
    names = safe_names(clips)
    labels = dict.fromkeys(chain.from_iterable(clip.labels for clip in clips.values()))
    categories = {label: number for number, label in enumerate(labels, 1)}
    with (folder / "annotations.json").open("w", encoding="utf-8") as file:
        file.write('{"info": {"description": "masks of imap-fast"},\n"categories": [')
        _write_items(file, ({"id": number, "name": label} for label, number in categories.items()))
        file.write('],\n"images": [')
        _write_items(file, _images(clips, names))
        file.write('],\n"annotations": [')
        _write_items(file, _annotations(clips, categories))
        file.write("]}\n")
    for clip, name in names.items():
        write_pictures(clips[clip], folder / "images" / name)


def _write_items(file: TextIO, items: Iterable[dict[str, Any]]) -> None:
    separator = "\n"
    for item in items:
        file.write(separator + json.dumps(item))
        separator = ",\n"


def _images(clips: Mapping[str, MaskValues], names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    first = 1
    for clip, masks in clips.items():
        for number in range(masks.num_frames):
            yield {
                "id": first + number,
                "file_name": f"{names[clip]}/{frame_name(number)}.jpg",
                "height": masks.height,
                "width": masks.width,
                "frame": number,
                "video": clip,
            }
        first += masks.num_frames


def _annotations(clips: Mapping[str, MaskValues], categories: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    from pycocotools import mask as coco

    image, annotation = 0, 0
    for clip in clips.values():
        for _, (masks, _) in zip(range(clip.num_frames), clip.frames(), strict=True):
            image += 1
            for label, mask in zip(clip.labels, masks, strict=True):
                if not mask.any():
                    continue
                annotation += 1
                rle = coco.encode(np.asfortranarray(mask, np.uint8))
                yield {
                    "id": annotation,
                    "image_id": image,
                    "category_id": categories[label],
                    "segmentation": {"size": list(mask.shape), "counts": rle["counts"].decode("ascii")},
                    "bbox": coco.toBbox(rle).tolist(),
                    "area": int(np.count_nonzero(mask)),
                    "iscrowd": 0,
                }

"""Small data sets in the layouts of Ref-YouTube-VOS, Ref-DAVIS, MeViS and VSPW."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.evaluate.folders import FRAMES, HEIGHT, WIDTH, masks_of, write_clip, write_json

PANDAS = "0043f083b5"

EXPRESSIONS = {
    "0": {"exp": "a giant panda climbing on the left", "obj_id": "1"},
    "1": {"exp": "the person who feeds it", "obj_id": "2"},
}
"""Of the video `PANDAS`, which has two objects."""


def ref_youtube_vos(root: Path) -> Path:
    """The split for training. That for validation says nothing of objects."""
    for split in ("train", "valid"):
        folders = root / split / "JPEGImages", root / split / "Annotations"
        write_clip(*folders, PANDAS, 100, range(0, FRAMES, 5))
        expressions = {
            number: each if split == "train" else {"exp": each["exp"]} for number, each in EXPRESSIONS.items()
        }
        frames = [f"{number:05d}" for number in range(FRAMES)]
        (root / "meta_expressions" / split).mkdir(parents=True)
        write_json(
            root / "meta_expressions" / split / "meta_expressions.json",
            {"videos": {PANDAS: {"expressions": expressions, "frames": frames}}},
        )
    return root / "train"


def ref_davis(root: Path) -> Path:
    for clip in ("bear", "dogs"):
        write_clip(root / "valid" / "JPEGImages", root / "valid" / "Annotations", clip, 100, range(FRAMES))
    expressions = {
        "bear": {"0": {"exp": "a brown bear", "obj_id": "1"}},
        "dogs": {"0": {"exp": "a dog with a ball", "obj_id": "1"}, "1": {"exp": "the small ball", "obj_id": "2"}},
    }
    (root / "meta_expressions" / "valid").mkdir(parents=True)
    write_json(
        root / "meta_expressions" / "valid" / "meta_expressions.json",
        {"videos": {clip: {"expressions": each} for clip, each in expressions.items()}},
    )
    return root / "valid"


def rle_of(mask: np.ndarray) -> dict:
    """A mask as COCO writes it, by its own tool."""
    from pycocotools import mask as coco

    rle = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode()}


def mevis(root: Path) -> Path:
    """Two dogs of three objects, one of which is not seen at first. The split `valid` has no masks."""
    frames = [f"{number:05d}" for number in range(FRAMES)]
    for split in ("valid", "valid_u"):
        write_frames(root / split / "JPEGImages" / "dogs")
        expressions = {
            "0": {"exp": "dogs chasing a ball", "obj_id": [0, 2], "anno_id": [7, 9]},
            "1": {"exp": "ball rolling to the right", "obj_id": [1], "anno_id": [8]},
        }
        videos = {"dogs": {"expressions": expressions, "vid_id": 3, "frames": frames}}
        write_json(root / split / "meta_expressions.json", {"videos": videos})
    masks = masks_of("dogs")
    mask_dict = {
        str(6 + number): [
            rle_of(mask == number) if number < 3 or frame > 1 else None for frame, mask in enumerate(masks)
        ]
        for number in (1, 2, 3)
    }
    write_json(root / "valid_u" / "mask_dict.json", mask_dict)
    return root / "valid_u"


def write_frames(folder: Path, clip: str = "dogs") -> None:
    folder.mkdir(parents=True)
    for number, mask in enumerate(masks_of(clip)):
        picture = np.full((HEIGHT, WIDTH, 3), 100, np.uint8) + mask[..., None]
        Image.fromarray(picture).save(folder / f"{number:05d}.jpg")


LABELS = {"others": "0", "wall": "1", "traffic_light": "2", "person": "61"}

CLIPS_OF_VSPW = ("0_a", "1_b")


def vspw(root: Path) -> Path:
    """Two clips, of which `val.txt` lists the second one. Around the objects is void of both kinds."""
    for clip in CLIPS_OF_VSPW:
        write_frames(root / "data" / clip / "origin")
        (root / "data" / clip / "mask").mkdir()
        for number, mask in enumerate(labels_of()):
            Image.fromarray(mask).save(root / "data" / clip / "mask" / f"{number:05d}.png")
    write_json(root / "label_num_dic_final.json", LABELS)
    (root / "train.txt").write_text("0_a\n")
    (root / "val.txt").write_text("1_b\n")
    return root / "val.txt"


def labels_of() -> np.ndarray:
    """The labels of a clip, uint8 `[T, H, W]`."""
    labels = np.array([0, 1, 2, 61], np.uint8)[masks_of("dogs")]
    labels[:, 0] = 255
    return labels

"""Small data sets in the layouts of DAVIS and YouTube-VOS."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

FRAMES, HEIGHT, WIDTH = 9, 16, 24

OBJECTS = {"dogs": 3, "bear": 1, "0043f083b5": 2}
"""The number of objects in each clip."""

CAPTIONS = {
    "dogs": {"caption": "two dogs chase a ball", "concepts": {"1": "dog", "2": "ball", "3": "dog"}},
    "bear": {"caption": "a bear walks", "concepts": {"1": "bear"}},
}


def masks_of(clip: str, frames: int = FRAMES) -> np.ndarray:
    """Numbers of objects, uint8 `[T, H, W]`: stripes that go right."""
    masks = np.zeros((frames, HEIGHT, WIDTH), np.uint8)
    for frame in range(frames):
        for number in range(1, OBJECTS[clip] + 1):
            masks[frame, 4 * number : 4 * number + 3, frame : frame + 8] = number
    return masks


def write_clip(frames: Path, masks: Path, clip: str, brightness: int, annotated: range) -> None:
    (frames / clip).mkdir(parents=True)
    (masks / clip).mkdir(parents=True)
    for number, mask in enumerate(masks_of(clip)):
        picture = np.full((HEIGHT, WIDTH, 3), brightness, np.uint8) + mask[..., None]
        Image.fromarray(picture).save(frames / clip / f"{number:05d}.jpg")
        if number in annotated:
            palette = Image.fromarray(mask).convert("P")
            palette.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0, 200])
            palette.save(masks / clip / f"{number:05d}.png")


def davis(root: Path, resolutions: tuple[str, ...] = ("480p",)) -> None:
    for resolution in resolutions:
        for clip in CAPTIONS:
            brightness = 100 if resolution == "480p" else 200
            folders = root / "JPEGImages" / resolution, root / "Annotations" / resolution
            write_clip(*folders, clip, brightness, range(FRAMES))


def youtube_vos(root: Path) -> None:
    clip = "0043f083b5"
    write_clip(root / "JPEGImages", root / "Annotations", clip, 100, range(0, FRAMES, 5))
    objects = {"1": {"category": "giant_panda", "frames": ["00000"]}, "2": {"category": "person", "frames": ["00000"]}}
    write_json(root / "meta.json", {"videos": {clip: {"objects": objects}}})


def write_json(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path

"""The frames of a clip, beside its masks."""

from pathlib import Path

from PIL import Image

from imap_fast.masks.values import MaskValues

QUALITY = 95
"""Of JPEG, as in DAVIS."""


def frame_name(number: int) -> str:
    """The name of a frame and of its mask, without a suffix."""
    return f"{number:05d}"


def write_pictures(clip: MaskValues, folder: Path) -> None:
    """Write the frames as JPEG into a new folder, one at a time. Nothing is written if they are unknown."""
    if clip.pictures is None:
        return
    folder.mkdir(parents=True)
    for number, (picture, _) in zip(range(clip.num_frames), clip.pictures(), strict=True):
        Image.fromarray(picture.pixels()).save(folder / f"{frame_name(number)}.jpg", quality=QUALITY)

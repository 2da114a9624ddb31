"""Masks in files that other tools take, one file for each format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from imap_fast.masks.formats import coco, davis, npz, video, vspw, youtube_vos
from imap_fast.masks.values import MaskValues

FORMATS: dict[str, Callable[[Mapping[str, MaskValues], Path], None]] = {
    "davis": davis.write,
    "youtube-vos": youtube_vos.write,
    "vspw": vspw.write,
    "coco": coco.write,
    "video": video.write,
    "ffv1": video.write_lossless,
    "npz": npz.write,
}
"""What writes the masks of clips, by their names, into an empty folder that exists."""

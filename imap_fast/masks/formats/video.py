"""Videos of masks, one for each concept, white on black. Masks may overlap.

videos/<clip>/<concept>.mp4 or .mkv    masks.json: {clip: {file: concept}}
"""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from imap_fast.masks.formats.captions import write_json
from imap_fast.masks.formats.names import safe_names
from imap_fast.masks.values import MaskValues
from imap_fast.video.write import FFV1, H264_OF_MASKS, Coding, timed_writer


def write(clips: Mapping[str, MaskValues], folder: Path) -> None:
    """Write H.264, which every player reads. A threshold at half gives the masks again.

    A side of an odd number of pixels gets one more: the last row or column is there twice.
    """
    _write(clips, folder, H264_OF_MASKS)


def write_lossless(clips: Mapping[str, MaskValues], folder: Path) -> None:
    """Write FFV1 of 0 and 255, in grey."""
    _write(clips, folder, FFV1)


def _write(clips: Mapping[str, MaskValues], folder: Path, coding: Coding) -> None:
    index = {}
    for clip, name in safe_names(clips).items():
        masks = clips[clip]
        files = {label: f"videos/{name}/{file}{coding.suffix}" for label, file in safe_names(masks.labels).items()}
        index[clip] = {file: label for label, file in files.items()}
        with ExitStack() as stack:
            writers = [
                stack.enter_context(timed_writer(folder / file, (masks.height, masks.width), masks.fps, coding))
                for file in files.values()
            ]
            for _, (each, seconds) in zip(range(masks.num_frames), masks.frames(), strict=True):
                for mask, write_frame in zip(each, writers, strict=True):
                    write_frame(mask * np.uint8(255), seconds)
    write_json(folder / "masks.json", index)

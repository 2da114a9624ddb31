"""Folders of frames and masks with the numbers of objects, in the layout of DAVIS 2016 and 2017 and of YouTube-VOS.

    JPEGImages/<resolution>/<clip>/*.jpg    Annotations/<resolution>/<clip>/*.png    (DAVIS)
    JPEGImages/<clip>/*.jpg                 Annotations/<clip>/*.png, meta.json      (YouTube-VOS)

Frames are in the order of the numbers in their names. A mask has the name of its frame. Its pixels are the numbers of
objects, and 0 is the background; `imap_fast.evaluate.datasets.mask_numbers` has the rules. Objects without a name count
as background, too. Frames without a mask have no ground truth.
"""

from functools import partial
from pathlib import Path
from unicodedata import normalize

from imap_fast.evaluate.datasets.captions import read_captions, read_meta
from imap_fast.evaluate.datasets.descriptions import digest_of
from imap_fast.evaluate.datasets.masked_frames import files_of, read_objects
from imap_fast.evaluate.datasets.pictures import FRAME_SUFFIXES, folders_in, pictures_in
from imap_fast.evaluate.datasets.renames import Renames
from imap_fast.evaluate.datasets.skipped import RENAMES, UNDESCRIBED, VIDEOS, skipped_in
from imap_fast.evaluate.example import DataSet

USUAL_RESOLUTION = "480p"
"""The resolution of DAVIS at which methods are usually evaluated."""


def palette_masks(folder: Path, *, captions: Path | None = None, concepts: Path | None = None) -> DataSet:
    """The clips of a folder. Each object is a concept, and so is the background.

    Objects with the same name in a clip are one concept, because words cannot distinguish them.

    Args:
        folder: a folder in the layout of DAVIS or YouTube-VOS. If it has several resolutions, 480p is read, or the
            first one by name.
        captions: a JSON object `{clip: {"caption": …, "concepts": {number of the object: name}}}`. Only its clips are
            read. None: `meta.json`, whose categories are the concepts and the caption.
        concepts: a JSON object `{category or name: what to look for}`. None: the categories and names themselves.

    Raises:
        ValueError: another layout, no captions and no `meta.json`, or a clip of the captions that does not exist.
    """
    frames, masks = clip_folders(folder)
    renames = Renames(concepts)
    texts = read_captions(captions, renames) if captions is not None else read_meta(folder / "meta.json", renames)
    there = folders_in(frames)
    # Some file systems decompose the letters of names.
    name_of = {normalize("NFC", name): name for name in there}
    texts = {name_of.get(normalize("NFC", clip), clip): text for clip, text in texts.items()}
    missing = sorted(texts.keys() - there)
    if missing and captions is not None:
        raise ValueError(f"{captions} names the clip {missing[0]!r}, which {frames} does not hold; remove it")
    names = sorted(texts.keys() - set(missing))
    if not names:
        raise ValueError(f"{captions or folder / 'meta.json'} names no clip of {frames}; name at least one")
    clips = {name: partial(read_objects, frames / name, masks / name, *texts[name]) for name in names}
    files = {name: partial(files_of, frames / name, masks / name) for name in names}
    left_out = {VIDEOS: missing, UNDESCRIBED: sorted(there - texts.keys()), RENAMES: renames.unused}
    if captions is not None:  # which chooses clips
        del left_out[UNDESCRIBED]
    skipped = partial(skipped_in, folder, files, left_out)
    source = {"data": folder.resolve().name, "captions": digest_of(texts)}
    return DataSet(source, clips, files, folder, skipped)


def clip_folders(folder: Path) -> tuple[Path, Path]:
    """The folders with the frames and the masks of the clips.

    Raises:
        ValueError: the folder has another layout.
    """
    frames, masks = folder / "JPEGImages", folder / "Annotations"
    if not frames.is_dir() or not masks.is_dir():
        raise ValueError(f"{folder} does not have the layout of DAVIS; give a folder with JPEGImages and Annotations")
    resolutions = sorted(name for name in folders_in(frames) & folders_in(masks) if _holds_clips(frames / name))
    if not resolutions and _holds_clips(frames):
        return frames, masks
    if not resolutions:
        raise ValueError(f"{frames} holds no clip of frames with masks in {masks}; see DAVIS or YouTube-VOS")
    resolution = USUAL_RESOLUTION if USUAL_RESOLUTION in resolutions else resolutions[0]
    return frames / resolution, masks / resolution


def _holds_clips(folder: Path) -> bool:
    return any(pictures_in(folder / clip, FRAME_SUFFIXES) for clip in folders_in(folder))

"""Ref-YouTube-VOS and Ref-DAVIS: expressions, each of one object of a video.

    <root>/<split>/JPEGImages/<video>/*.jpg
    <root>/<split>/Annotations/<video>/*.png
    <root>/meta_expressions/<split>/meta_expressions.json

Ref-DAVIS has this layout after the usual conversion. Masks are as in `imap_fast.evaluate.datasets.mask_numbers`.
"""

from functools import partial
from pathlib import Path

from imap_fast.evaluate.datasets.descriptions import digest_of
from imap_fast.evaluate.datasets.expressions import FILE, choose, read_expressions
from imap_fast.evaluate.datasets.masked_frames import files_of, read_objects
from imap_fast.evaluate.datasets.palette_masks import clip_folders
from imap_fast.evaluate.datasets.pictures import folders_in
from imap_fast.evaluate.datasets.renames import Renames
from imap_fast.evaluate.datasets.skipped import skipped_in
from imap_fast.evaluate.example import DataSet


def expressions_of(folder: Path) -> Path:
    """The file of the expressions of a split."""
    split = folder.absolute()  # not where a link leads to
    return split.parent / "meta_expressions" / split.name / FILE


def referring(folder: Path, *, concepts: Path | None = None) -> DataSet:
    """The expressions of a split of Ref-YouTube-VOS or Ref-DAVIS. Each is a clip.

    The caption is the expression. The concept is the noun phrase that it begins with; see
    `imap_fast.evaluate.datasets.noun_phrase.noun_phrase`. Beside it, the background is measured.

    Args:
        folder: of the split.
        concepts: a JSON object `{expression: what to look for}`. None: noun phrases.

    Raises:
        ValueError: another layout, a file of another form, or a split whose expressions name no object.
    """
    frames, masks = clip_folders(folder)
    path, renames = expressions_of(folder), Renames(concepts)
    there = folders_in(frames)
    read, left_out = choose(read_expressions(path, renames), there, renames, lambda each: each.objects)
    if not read:
        raise ValueError(f"no expression in {path} names an object of a clip in {frames}; give a split that has masks")
    videos = {each.video for each in read.values()}
    files_of_video = {video: partial(files_of, frames / video, masks / video) for video in videos}
    clips = {
        name: partial(
            read_objects, frames / each.video, masks / each.video, each.text, dict.fromkeys(each.objects, each.concept)
        )
        for name, each in read.items()
    }
    files = {name: files_of_video[each.video] for name, each in read.items()}
    split = folder.absolute()
    source = {"data": f"{split.parent.name}/{split.name}", "expressions": digest_of(list(read.items()))}
    return DataSet(source, clips, files, folder, partial(skipped_in, folder, files, left_out))

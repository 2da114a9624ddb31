"""The work of `imap-fast segment`: the masks of several clips, made once, and written in one format."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from imap_fast.cli.progress import progress
from imap_fast.cli.record import RECORD, write_record
from imap_fast.cli.results import OPTIONS, finished_record, print_results, refuse_existing, resumable_folder
from imap_fast.cli.segment_inputs import MapsFile
from imap_fast.cli.streams import complain
from imap_fast.masks.names import SAM2
from imap_fast.version import versions

if TYPE_CHECKING:
    from imap_fast.masks.masks import Masks
    from imap_fast.masks.refinement import Refinement

KEPT, WRITTEN = ".masks", ".files"
"""The folders of the masks that are made, and of the files that are written of them, in that of an unfinished run."""

MEANINGS = {
    "davis": {"Annotations": "palette masks", "captions.json": "the names of the objects, for imap-fast eval"},
    "youtube-vos": {"Annotations": "palette masks", "meta.json": "the names of the objects"},
    "vspw": {"data": "frames and masks of labels", "label_num_dic_final.json": "the names of the labels"},
    "coco": {"annotations.json": "masks as run lengths"},
    "video": {"masks.json": "the concept of each mask video"},
    "ffv1": {"masks.json": "the concept of each mask video"},
    "npz": {},
}
"""Where to look first in the files of each format."""


def segment_runs(
    files: Sequence[MapsFile],
    settings: Mapping[str, Any],
    sam2: str,
    device: str,
    output: Path,
    *,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write the masks of some maps, unless that was done before, and print what there is.

    Args:
        files: the maps and their videos.
        settings: `format`, and the arguments of `SaliencyMaps.masks`, with what SAM 2 is, if it is used.
        sam2: its folder or id.
        device: for SAM 2.
        output: folder for the results.
        overwrite: whether other results are replaced.
        as_json: whether one JSON object is printed instead of text.

    Raises:
        ValueError: as in `SaliencyMaps.masks`, or the masks do not fit the format.
    """
    for file in files:
        # The files of an older run leave their folder with `overwrite`.
        if file.path.resolve().parent == output.resolve():
            raise ValueError(f"--output {output} holds {file.path.name}, of which the masks are made; give another")
    options = {"clips": {file.name: file.digests() for file in files}, **settings, "versions": versions()}
    record = None if overwrite else finished_record(output, [RECORD], options)
    verb = "done before" if record else "made"
    if record is None:
        record = _written(files, settings, options, sam2, device, output, overwrite=overwrite)
    frames = sum(clip["frames"] for clip in record["clips"].values())
    count = len(record["clips"])
    headline = f"masks of {frames:,} frames in {count} video{'s' if count > 1 else ''}: {verb}"
    for name, clip in record["clips"].items():
        for label, (in_frames, area) in clip["concepts"].items():
            headline += (
                f"\n  {name}, {label}: in {in_frames:,} of {clip['frames']:,} frames, {100 * area:.1f} % of the pixels"
            )
    shown = {RECORD: "how they were made", **MEANINGS[settings["format"]]}
    print_results(record, headline, output, shown, as_json=as_json)


def _written(
    files: Sequence[MapsFile],
    settings: Mapping[str, Any],
    options: dict[str, Any],
    sam2: str,
    device: str,
    output: Path,
    *,
    overwrite: bool,
) -> dict[str, Any]:
    """Write the results, and return the content of their record."""
    from imap_fast.masks.formats import FORMATS
    from imap_fast.masks.kept import kept

    console = Console(stderr=True)
    with resumable_folder(output, [RECORD], options, overwrite=overwrite, kept=_kept_masks) as unfinished:
        refinement = _refinement(settings, sam2, device)
        clips = {file.name: _masks_of(file, settings, refinement) for file in files}
        with progress(console, "segmenting", sum(masks.num_frames for masks in clips.values())) as on_frame:
            for name, masks in clips.items():
                # Inputs may come in another order when the run goes on.
                of = json.dumps([name, options["clips"][name]], sort_keys=True)
                file = f"{hashlib.sha256(of.encode()).hexdigest()}.masks"
                clips[name] = kept(masks, unfinished / KEPT / file, on_frame)
        record = {
            "command": "segment",
            **settings,
            "clips": {name: _facts(name, masks) for name, masks in clips.items()},
            "options": options,
        }
        with progress(console, "writing"):
            _remove_unfinished_files(unfinished)
            new = unfinished / WRITTEN
            new.mkdir()
            FORMATS[settings["format"]](clips, new)
            names = sorted(each.relative_to(new).as_posix() for each in new.rglob("*") if each.is_file())
            refuse_existing(output, names, overwrite=overwrite)
            for each in new.iterdir():
                each.rename(unfinished / each.name)
            return write_record(unfinished, record, names)


def _remove_unfinished_files(unfinished: Path) -> None:
    """Remove what a process wrote that died: everything but the masks that it made."""
    for each in unfinished.iterdir():
        if each.is_dir() and each.name != KEPT:
            shutil.rmtree(each)
        elif each.name not in (KEPT, OPTIONS):
            each.unlink()


def _masks_of(file: MapsFile, settings: Mapping[str, Any], refinement: str | Refinement) -> Masks:
    from imap_fast.maps.saliency_maps import SaliencyMaps
    from imap_fast.video import read_clip

    maps = SaliencyMaps.load(file.path)
    # A generated video is a clip that a model made at once. Its maps know nothing of a file.
    video = read_clip(file.video) if file.video is not None and "video" not in maps.settings else file.video
    try:
        return maps.masks(
            video,
            settings["concepts"],
            settings["map"],
            threshold=settings["threshold"],
            exclusive=settings["exclusive"],
            refine=refinement,
        )
    except (AttributeError, KeyError) as error:  # it has no such map, or no such concept
        raise ValueError(f"{file.path}: {error.args[0]}") from error


def _refinement(settings: Mapping[str, Any], sam2: str, device: str) -> str | Refinement:
    """The refinement of all clips. SAM 2 is loaded once."""
    if settings["refine"] != SAM2:
        return settings["refine"]
    from imap_fast.masks.refinement.sam2 import Sam2

    return Sam2(sam2, device)


def _facts(name: str, masks: Masks) -> dict[str, Any]:
    """The number of frames, and in how many of them each concept is, and the share of their pixels. A warning names
    concepts that have no mask at all.
    """
    in_frames, pixels = np.zeros(len(masks.labels), int), np.zeros(len(masks.labels), int)
    for frame in masks.frames():
        counts = frame.masks.sum((1, 2))
        in_frames += counts > 0
        pixels += counts
    empty = [label for label, count in zip(masks.labels, in_frames, strict=True) if not count]
    if empty:
        complain(f"{name} has no mask of {', '.join(map(repr, empty))}; try another --threshold or --map")
    areas = pixels / (masks.num_frames * masks.height * masks.width)
    return {
        "frames": masks.num_frames,
        "height": masks.height,
        "width": masks.width,
        "concepts": dict(zip(masks.labels, zip(in_frames.tolist(), areas.tolist(), strict=True), strict=True)),
    }


def _kept_masks(unfinished: Path) -> str | None:
    """What the next run with the same options goes on from."""
    return "finished masks" if any((unfinished / KEPT).glob("*")) else None

"""What `imap-fast segment` gets: runs, files of maps, and videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imap_fast.cli.record import verified_record
from imap_fast.cli.runs import video_of
from imap_fast.files import sha256_of
from imap_fast.text.distinct import distinct

MAPS = "maps.npz"


@dataclass(frozen=True)
class MapsFile:
    """Maps on disk, and their video.

    Attributes:
        path: the file of maps.
        video: None if it is unknown, or no file.
        name: of the clip.
    """

    path: Path
    video: Path | None
    name: str

    def digests(self) -> dict[str, Any]:
        """What the maps and the video are, as JSON values."""
        return {"maps": sha256_of(self.path), "video": None if self.video is None else sha256_of(self.video)}


def runs_in(path: Path) -> list[Path]:
    """The folders of runs that a path names, or the file of maps. Empty: it is a video, or a folder of videos."""
    if path.is_file():
        return [path] if path.suffix.lower() in (".npz", ".safetensors") else []
    if (path / MAPS).exists():
        return [path]
    return sorted(each.parent for each in path.glob(f"*/{MAPS}"))


def maps_files(runs: Sequence[Path], video: Path | None) -> list[MapsFile]:
    """The maps of runs and of files, whose clips have different names.

    Args:
        runs: from `runs_in`.
        video: of the only one, if the user names it.

    Raises:
        ValueError: a run is damaged, its video is missing or another one, or `video` is named for several.
    """
    if video is not None and len(runs) > 1:
        raise ValueError(f"--video {video} is of one run, and there are {len(runs)}; give one")
    found = [_maps_file(run, video) for run in runs]
    names = distinct(each.name for each in found)
    return [MapsFile(each.path, each.video, name) for each, name in zip(found, names, strict=True)]


def _maps_file(run: Path, video: Path | None) -> MapsFile:
    if run.is_file():
        if video is not None and not video.is_file():
            raise ValueError(f"--video {video}: no such file; give the video that the maps were read from")
        return MapsFile(run, video, run.stem if video is None else video.stem)
    record = verified_record(run)
    video = video_of(run, record, "give its path with --video", video)
    name = Path(record["video"]).stem if "video" in record else run.resolve().name
    return MapsFile(run / MAPS, video, name)

"""The folder of a finished run: its record, and its video."""

import json
from pathlib import Path
from typing import Any

OWN_VIDEOS = ("video.mp4", "clip.mp4")
"""The names of videos that a command made itself."""


def record_of(folder: Path) -> dict[str, Any]:
    """The content of `run.json`, or an empty record if the file does not exist.

    Raises:
        ValueError: the file is not a JSON object.
    """
    path = folder / "run.json"
    if not path.exists():
        return {}
    try:
        record = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}); restore it, or remove it to continue without it") from error
    if not isinstance(record, dict):
        raise ValueError(f"{path} does not hold an object; restore it, or remove it to continue without it")
    return record


def video_of(folder: Path, record: dict[str, Any], remedy: str) -> Path | None:
    """The video of a run: made by the run, or named in its record. None if neither is known.

    Raises:
        ValueError: the video that the record names does not exist. The error ends with `remedy`.
    """
    for name in OWN_VIDEOS:
        if (folder / name).exists():
            return folder / name
    if "video" not in record:
        return None
    video = Path(str(record["video"]))
    if not video.exists():
        raise ValueError(f"{video}, the video of this run, no longer exists; {remedy}")
    return video


def check_maps(run: Path) -> None:
    """Raise ValueError if the folder of a run holds no maps."""
    if not (run / "maps.npz").exists():
        raise ValueError(f"{run} holds no maps.npz; give a folder that imap-fast wrote")

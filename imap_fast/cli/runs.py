"""A finished run's folder: what it says of itself, and where its video is."""

import json
from pathlib import Path
from typing import Any

OWN_VIDEOS = ("video.mp4", "clip.mp4")
"""What commands call a video that they made themselves."""


def record_of(folder: Path) -> dict[str, Any]:
    """What a run's `run.json` says; nothing where there is none.

    Raises:
        ValueError: it is not a JSON object.
    """
    path = folder / "run.json"
    if not path.exists():
        return {}
    try:
        record = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}); restore it, or move it away to do without") from error
    if not isinstance(record, dict):
        raise ValueError(f"{path} does not hold an object; restore it, or move it away to do without")
    return record


def video_of(folder: Path, record: dict[str, Any], remedy: str) -> Path | None:
    """The video of a run: made by it, or named by it; None where neither is known.

    Raises:
        ValueError: the video that is named is gone; `remedy` is what to do.
    """
    for name in OWN_VIDEOS:
        if (folder / name).exists():
            return folder / name
    if "video" not in record:
        return None
    named = Path(str(record["video"]))
    if not named.exists():
        raise ValueError(f"{named}, the video of this run, is not there any more; {remedy}")
    return named

"""The folder of a finished run: its maps, and its video."""

from pathlib import Path
from typing import Any

from imap_fast.files import sha256_of

OWN_VIDEOS = ("video.mp4", "clip.mp4")
"""The names of videos that a command made itself."""


def video_of(folder: Path, record: dict[str, Any], remedy: str, given: Path | None = None) -> Path | None:
    """The video that the maps of a run were read from, or that was generated with them. None if it was no file.

    Args:
        folder: of the run.
        record: from `verified_record`.
        remedy: the end of an error.
        given: the video, if the user names it. None: the one of the run, the one that its record names, or a copy of
            that in the folder of the run.

    Raises:
        ValueError: there is no such video, or it is another one.
    """
    own = [name for name in OWN_VIDEOS if name in record["sha256"]]
    named = [*own, record["video"]] if "video" in record else own
    if not named:
        return given
    candidates = [given] if given is not None else [folder / name for name in (*named, *OWN_VIDEOS)]
    video = next((candidate for candidate in candidates if candidate.is_file()), None)
    if video is None:
        raise ValueError(f"{given or folder / named[0]}, the video of this run, no longer exists; {remedy}")
    expected = record["sha256"][own[0]] if own else record.get("options", {}).get("video")
    if sha256_of(video) != expected:
        raise ValueError(f"{video} is not the video of this run: its content is another one; {remedy}")
    return video


def check_maps(run: Path) -> None:
    """Raise ValueError if the folder of a run holds no maps."""
    if not (run / "maps.npz").exists():
        raise ValueError(f"{run} holds no maps.npz; give the folder of a run")

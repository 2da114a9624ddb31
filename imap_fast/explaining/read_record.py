"""What was read of a video, as the record says it, and warnings of what was not."""

from __future__ import annotations

import warnings
from typing import Any

from imap_fast.explaining.windows import Windows
from imap_fast.maps.run_state import RunState
from imap_fast.models.real_video.base import VideoForward
from imap_fast.video import Clip, VideoFile
from imap_fast.video.times import TOLERANCE, Shots


def read_record(
    video: VideoFile | Clip,
    state: RunState,
    forward: VideoForward,
    windows: Windows,
    *,
    stretch: tuple[float | None, float | None],
    stream: int | None,
    digest: str,
) -> dict[str, Any]:
    """What was read, as JSON values; see `imap_fast.explain`.

    Args:
        video: that was read.
        state: of the run, with all windows.
        forward: that it passed.
        windows: in which it passed.
        stretch: the times from which and to which it was read.
        stream: of a file.
        digest: of the content of a file, or of frames.
    """
    return {
        "fps": video.fps,
        "passed_fps": state.passed_fps,
        "num_frames": state.num_frames,
        "height": forward.height,
        "width": forward.width,
        "vae": forward.encoder.description,
        "windows": state.windows,
        "window": windows.length,
        "overlap": windows.overlap,
        "start": stretch[0],
        "end": stretch[1],
        "stream": stream,
        "display": video.display,
        "shots": [shot.model_dump(include={"first_frame", "num_frames", "seconds"}) for shot in state.shots],
        "gaps": [list(gap) for gap in video.gaps],
        "sha256": digest if isinstance(video, VideoFile) else None,
    }


def warn_of_the_rest(video: VideoFile | Clip, shots: Shots, state: RunState) -> None:
    """Warn of given shots that no frame begins, and of gaps.

    Args:
        video: that was read.
        shots: as they were given, if the whole video was read.
        state: of the run, with all windows.
    """
    if not isinstance(shots, str):
        late = [time for time in shots if time > state.shots[-1].seconds + TOLERANCE]
        if late:
            times = ", ".join(f"{time:g} s" for time in late)
            warnings.warn(
                f"no shot begins at {times}, where {video.name} has no frame, none was read or none passed; "
                "give other times",
                stacklevel=5,
            )
    if video.gaps:
        gaps = ", ".join(f"{a:.2f} s to {'its end' if b is None else f'{b:.2f} s'}" for a, b in video.gaps)
        warnings.warn(f"{video.name} could not be read from {gaps}; the maps are of the rest", stacklevel=5)

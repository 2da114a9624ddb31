"""Whether there is room for what a run keeps of single layers and steps, known after its first window."""

from __future__ import annotations

from pathlib import Path

from imap_fast.maps.run_state import RunState
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.tracing.kept_memory import check_room


def check_room_of_run(
    window: SaliencyMaps, state: RunState, frames: int | None, fps: float | None, span: int, folder: Path | None
) -> None:
    """Log the room that a run takes before it is taken; nothing if no single layers and steps are kept.

    Args:
        window: the maps of the first window.
        state: of the run.
        frames: of the video. None: unknown.
        fps: of the video.
        span: video frames in a latent frame.
        folder: of the run. None: it is kept in memory.

    Raises:
        ValueError: there is less room than that.
    """
    if window.kept is None or state.windows:
        return
    passed = (state.passed_fps / fps if state.passed_fps and fps else 1) * (frames or 0)
    of_frame = sum(values.nbytes for values in window.kept.values()) // window.grid[0]
    check_room(window.keep, of_frame * max(window.grid[0], 1 + int(passed) // span), folder)

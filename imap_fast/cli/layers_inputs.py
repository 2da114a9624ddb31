"""The videos that `imap-fast layers` measures layers on, with what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imap_fast.evaluate.datasets.points_npz import read_points
from imap_fast.video.decode import VideoFile


def given_videos(videos: Sequence[Path], prompt: str | None) -> dict[str, Any]:
    """The arguments of `choose_layers` for files.

    Raises:
        ValueError, OSError: one does not exist, or is no video.
    """
    for video in videos:
        VideoFile(video)
    return {"videos": videos, "prompts": [prompt] * len(videos)}


def given_points(files: Sequence[Path], prompt: str | None) -> dict[str, Any]:
    """The arguments of `choose_layers_by_tracking` for files of points, which name their videos.

    Raises:
        ValueError, OSError: one does not exist, or holds no points, or its video cannot be read.
    """
    known = [read_points(file) for file in files]
    return {
        "videos": [each.clip for each in known],
        "prompts": [prompt] * len(known),
        "points": [(each.points, each.visible) for each in known],
    }


def demo_videos(count: int, by: str) -> dict[str, Any]:
    """The arguments of either for validation scenes of the demo world, of which everything is known."""
    from imap_fast.demo import world
    from imap_fast.demo.score import BACKGROUND, concept_masks

    scenes = [world.sample(seed, "validation") for seed in range(count)]
    inputs: dict[str, Any] = {
        "videos": [scene.frames for scene in scenes],
        "prompts": [scene.caption for scene in scenes],
    }
    if by == "auc":
        # The background has no mask: it is there for the contrast.
        inputs["masks"] = [concept_masks(scene) | {BACKGROUND: None} for scene in scenes]
    if by == "tracking":
        inputs["points"] = [scene.points for scene in scenes]
    return inputs

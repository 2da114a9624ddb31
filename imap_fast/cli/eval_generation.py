"""The videos that `imap-fast eval --generate` makes of the captions of a list."""

from __future__ import annotations

from typing import Any

from imap_fast.cli.generation import check_size, generate_video
from imap_fast.evaluate.example import DataSet, Example
from imap_fast.maps.names import MAP_NAMES, WITHOUT_STREAM
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.models.registry import adapter_for
from imap_fast.video.clip import Clip

VIDEO = "video.mp4"

SEEDS = 2**63
"""The number of seeds that `imap-fast generate` takes."""


class Generation:
    """Generates the clips of a data set that have no video.

    Args:
        dataset: the clips.
        arguments: of `evaluate`. Size, number of frames in a window and number of steps are those of the videos.
        traced: arguments of `imap_fast.trace`.

    Attributes:
        seeds: the seed of each clip, which `imap-fast generate --seed` takes: that of the evaluation, plus its place.
        settings: how all clips are made, as JSON values.
    """

    def __init__(self, dataset: DataSet, arguments: dict[str, Any], traced: dict[str, Any]) -> None:
        self.seeds = {
            name: (arguments["seed"] + place) % SEEDS
            for place, name in enumerate(dataset.clips)
            if name not in dataset.files
        }
        self._sampling = {name: arguments[name] for name in ("height", "width", "num_inference_steps")}
        self._sampling["num_frames"] = arguments["window"]
        self._traced = traced
        self.settings = {"sampling": self._sampling, "steps": traced["steps"]}

    def check(self, pipe: Any) -> None:
        """Raise ValueError if the model has no videos of this size."""
        check_size(pipe, height=self._sampling["height"], width=self._sampling["width"])

    def generate(self, pipe: Any, name: str, example: Example) -> tuple[Clip, SaliencyMaps]:
        """The video of a clip, and all maps of its generation."""
        video, fps, maps = generate_video(
            pipe,
            example.caption,
            seed=self.seeds[name],
            sampling=self._sampling,
            **example.words,
            maps=MAP_NAMES if adapter_for(pipe).has_concept_stream else WITHOUT_STREAM,
            **self._traced,
        )
        return Clip.of(video, fps), maps

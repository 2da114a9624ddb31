"""What a report shows, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from imap_fast.events.clock import Clock, clock_of
from imap_fast.report.mask_files import ReportMasks
from imap_fast.upsampling.latent_time import LatentTime

LABELS_IN_TITLE = 8

BY_CONCEPT = "by concept"
"""The name of what is shown first if labels have different maps: each by its own."""


@dataclass(frozen=True, eq=False)
class Inside:
    """The maps of single layers, steps and heads.

    Attributes:
        layers: the L layers whose maps were kept. Empty: none, and L is 1.
        steps: the same of S steps.
        kept: the maps by name, fp32 `[L, S, C, F, H, W]`. They may be on disk.
        heads: the contrast of single heads by layer and head, fp32 `[C, F, H, W]`.
        of_heads: the names of the maps that heads are a part of.
    """

    layers: Sequence[int]
    steps: Sequence[int]
    kept: Mapping[str, Tensor]
    heads: Mapping[tuple[int, int], Tensor]
    of_heads: Sequence[str]


@dataclass(frozen=True)
class ReportData:
    """The result of a run on one video.

    Attributes:
        maps: labels and values, fp32 `[C, F, H, W]`, of each map by name. The first one is shown first, if no map of
            each concept is.
        time: how latent frames relate to video frames.
        layers: the L layers that were read.
        steps: the denoising steps that were read.
        head_score: name of the separation score.
        head_scores: `[L, A]`.
        selected_heads: the motion heads, int64 `[L, k]`.
        agreements: how sure the map of each concept is, `[C]`, by the name of the map. None: unknown.
        seconds: the time of each latent frame of a video that was read, `[F]`. None: the video was generated.
        settings: how the maps were made.
        run: further facts about the run, such as its seed.
        shown_maps: the map that shows each label if none is chosen: things, motions and regions have different ones.
            None: the first map shows all.
        masks: what is offered for download. None: nothing.
        inside: the maps of single layers, steps and heads. None: there are none.
    """

    maps: Mapping[str, tuple[Sequence[str], Tensor]]
    time: LatentTime
    layers: Sequence[int]
    steps: Sequence[int]
    head_score: str
    head_scores: Tensor
    selected_heads: Tensor
    agreements: Mapping[str, Tensor] | None
    seconds: Tensor | None
    settings: Mapping[str, Any]
    run: Mapping[str, Any]
    shown_maps: Mapping[str, str] | None = None
    masks: ReportMasks | None = None
    inside: Inside | None = None

    @property
    def title(self) -> str:
        """The prompt, or several prompts. The first labels if there is no prompt."""
        prompt = self.settings.get("prompt")
        return prompt if isinstance(prompt, str) else ", ".join(prompt or self._first[0][:LABELS_IN_TITLE])

    @property
    def shown_first(self) -> list[tuple[str, str, int]]:
        """What is shown first: each label, the name of its map, and its place in that map."""
        shown = self.shown_maps or dict.fromkeys(self._first[0], next(iter(self.maps)))
        places = {name: {label: place for place, label in enumerate(labels)} for name, (labels, _) in self.maps.items()}
        return [(label, name, places[name][label]) for label, name in shown.items()]

    @property
    def grid(self) -> tuple[int, int, int]:
        """`(F, H, W)`: latent frames and patches."""
        frames, height, width = self._first[1].shape[1:]
        return frames, height, width

    @property
    def _first(self) -> tuple[Sequence[str], Tensor]:
        return next(iter(self.maps.values()))

    @property
    def shots(self) -> list[float]:
        """The time of the first frame of each shot in the file that was read, in seconds. A generated video is one."""
        return [shot["seconds"] for shot in self.read.get("shots") or ()] or [0.0]

    @property
    def read(self) -> Mapping[str, Any]:
        """What `explain` read; empty for a generated video."""
        return self.settings.get("video") or {}

    def frame_times(self, num_frames: int) -> Tensor:
        """The time of each latent frame in a video of `num_frames`, in video frames, fp64 `[F]`.

        Raises:
            ValueError: a video of `num_frames` does not have these latent frames.
        """
        return self.time.frame_times(self.grid[0], num_frames)

    def clock(self, fps: float) -> Clock | None:
        """When the frames of the video are shown. `fps` is the rate of a generated one."""
        return clock_of(self.time, self.seconds, self.read, None if self.read else fps)

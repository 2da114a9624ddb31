"""Measures how well each single layer, and each single head, follows points."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from imap_fast.metrics.tracking import MODES, queries, track_scores
from imap_fast.models.read_layer import ReadLayer
from imap_fast.tracing.tracer import Tracer
from imap_fast.tracking.known import KnownPoints
from imap_fast.tracking.track import track
from imap_fast.upsampling.latent_time import LatentTime

MODE = MODES[0]
"""Each point is asked for once, where it is first visible."""


@dataclass(frozen=True)
class Followed:
    """Points that are followed through the window of a video.

    Attributes:
        known: where they are, in pixels of what the model sees.
        frames: the frame in which each is marked, `[Q]`.
        size: height and width of what the model sees.
    """

    known: KnownPoints
    frames: np.ndarray
    size: tuple[int, int]

    @classmethod
    def of(cls, known: KnownPoints, size: tuple[int, int]) -> Followed | None:
        """Those that are visible. None: no one is after it was marked, so there is nothing to follow."""
        points, frames = queries(known.visible, MODE)
        followed = KnownPoints(known.places[points], known.visible[points])
        return cls(followed, frames, size) if (followed.visible.sum(1) > 1).any() else None

    @property
    def marked(self) -> dict[str, tuple[float, float, float]]:
        """They as regions. A visible point may be a little outside of the picture; its edge is marked.

        No token of a prompt has such a name.
        """
        places = self.known.places[np.arange(len(self.frames)), self.frames].clip(0, self.size[::-1])
        return {f"point {number}": (0.0, *place) for number, place in enumerate(places.tolist())}


class SingleLayerFollower(Tracer):
    """A trace of one window that measures each layer and each head alone, and keeps no maps.

    Args:
        tracer: the tracer of the `marked` of `followed`, whose adapter, settings and concepts are used.
        followed: the points.

    Attributes:
        scores: average Jaccard and δ of the layer, and of each of its heads, fp64 `[1 + A, 2]`, by layer.
    """

    def __init__(self, tracer: Tracer, followed: Followed) -> None:
        regions = () if tracer.regions is None else tracer.regions.regions
        super().__init__(tracer.adapter, tracer.settings, tracer.concepts, guided=False, regions=regions)
        assert self.regions is not None
        self.reader = self.regions
        self.followed = followed
        self.scores: dict[int, Tensor] = {}
        self.marks_regions = False
        self._time = LatentTime(self.adapter.temporal_compression, self.adapter.patch_size[0])
        self._own: list[int] = []

    def _read_layer(self, read: ReadLayer) -> None:
        device, visual_key = read.features.device, read.visual_key
        if not self._own:
            self._mark(device)
        note = torch.zeros((), dtype=torch.int32, device=device)
        together = torch.zeros_like(self.running_maps.region_sum[read.video])
        scores = []
        for head in range(len(read.features)):
            # One head at a time: a trace never keeps the maps of all heads.
            only, own = slice(head, head + 1), torch.zeros_like(together)
            alone = replace(
                read,
                query=read.query[only],
                features=read.features[only],
                visual_key=None if visual_key is None else visual_key[only],
            )
            self.reader.within(0, alone, own, note, fuses=False)
            self.reader.between(0, alone, own, note)
            scores.append(self._scores(own[0]))
            together += own
        self.scores[read.layer] = torch.tensor([self._scores(together[0]), *scores], dtype=torch.float64)

    def _mark(self, device: torch.device) -> None:
        """Say which tokens the points are.

        Not as a trace of a generated video does: a pipeline may make more frames of these latents than were encoded.
        """
        (latents, *grid), num_frames = self.running_maps.grid, self.followed.known.visible.shape[1]
        self._own = [self._time.latent_frame_of(int(frame), latents, num_frames) for frame in self.followed.frames]
        rows, columns = grid
        size = self.followed.size
        patches = [region.patches(size, size, (rows, columns)) for region in self.reader.regions]
        tokens = [
            [latent * rows * columns + patch for patch in of_region]
            for latent, of_region in zip(self._own, patches, strict=True)
        ]
        self.reader.mark(tokens, device)

    def _scores(self, maps: Tensor) -> tuple[float, float]:
        """Average Jaccard and δ of the maps of all points, `[Q, N]`."""
        places, visible = self.followed.known
        seen = slice(0, self.followed.size[0]), slice(0, self.followed.size[1])
        tracks = [
            track("", values, self._time, visible.shape[1], seen, own=own)
            for values, own in zip(maps.unflatten(-1, self.running_maps.grid).cpu(), self._own, strict=True)
        ]
        found = np.array([(each.x, each.y) for each in tracks]).transpose(0, 2, 1)
        claimed = np.array([each.visible for each in tracks])
        scores = track_scores(found, claimed, places, visible, self.followed.frames, self.followed.size, MODE)
        return scores.average_jaccard, scores.average_within

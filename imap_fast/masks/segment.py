"""Makes masks of maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice, pairwise

import numpy as np
import torch
from torch import Tensor

from imap_fast.masks.components import dropped, without
from imap_fast.masks.masks import MaskFrame, Masks
from imap_fast.masks.refinement import Refinement
from imap_fast.masks.scale import scales_of, scores_of
from imap_fast.masks.threshold import Threshold
from imap_fast.render.source_video import SourceVideo
from imap_fast.text.words import is_background
from imap_fast.upsampling.interpolate import between, neighbours, upsample_space

Window = tuple[slice, slice]
"""The rows and the columns of a frame that the model saw."""


@dataclass(frozen=True, eq=False)
class Segmenter:
    """The maps of C concepts, of which masks are made; see `SaliencyMaps.masks`.

    Attributes:
        source: the video.
        seen: what the model saw of its frames. Nothing else is in a mask.
        labels: of the C concepts.
        values: of the C concepts, finite fp32 `[F, H, W]` each.
        times: of the latent frames, in video frames, fp64 `[F]`.
        latents_of_shots: the number of latent frames in each shot.
        caption: what the video shows.
    """

    source: SourceVideo
    seen: Window
    labels: Sequence[str]
    values: Sequence[Tensor]
    times: Tensor
    latents_of_shots: Sequence[int]
    caption: str = ""

    def masks(self, threshold: Threshold, refinement: Refinement | None, *, exclusive: bool) -> Masks:
        """The masks; `threshold` is from `check_threshold`.

        Raises:
            ValueError: there is no concept but the background, or a refinement without a video.
        """
        if refinement is not None and self.source.is_blank:
            raise ValueError("a refinement looks at the video; give it, or refine='none'")
        shown = [place for place, label in enumerate(self.labels) if not (exclusive and is_background(label))]
        if not shown:
            raise ValueError("no concept but the background is to be segmented; name one")
        height, width = self.source.own_size
        return Masks(
            tuple(self.labels[place] for place in shown),
            self.source.num_frames,
            height,
            width,
            self.source.fps,
            exclusive,
            lambda first: self._frames(threshold, refinement, shown if exclusive else None, first),
            None if self.source.is_blank else self.source.pictures,
            self.caption,
        )

    def _frames(
        self, threshold: Threshold, refinement: Refinement | None, shown: list[int] | None, first: int
    ) -> Iterator[MaskFrame]:
        scales = scales_of(self.values, threshold)
        ends = list(accumulate(self.latents_of_shots, initial=0))
        regions = dropped(self.values, scales, [slice(*shot) for shot in pairwise(ends)])
        near = neighbours(self.times, self.source.num_frames, self.source.cuts)
        pictures = self.source.pictures()
        height, width = self.source.own_size
        rows, columns = self.seen
        seen = rows.stop - rows.start, columns.stop - columns.start
        for numbers in self._windows(1 if refinement is None else refinement.most_frames):
            timed = list(islice(pictures, len(numbers)))
            if numbers.stop <= first:
                continue
            at = near.select(list(numbers))
            latents = torch.cat([at.before, at.after]).unique()
            # Only the latent frames next to these are read: values may be on disk.
            scores = without(
                scores_of([concept[latents] for concept in self.values], scales), regions[:, latents.numpy()]
            )
            places = [torch.searchsorted(latents, each) for each in (at.before, at.after)]
            scores = between(scores, at._replace(before=places[0], after=places[1]))
            if refinement is None:
                refined = iter(upsample_space(scores, *seen).unbind(1))
            else:
                refined = refinement([picture.pixels()[rows, columns] for picture, _ in timed], scores)
            for number, (_, seconds), score in zip(numbers, timed, refined, strict=True):
                if number < first:
                    continue
                inside = np.zeros((score.shape[0] if shown is None else len(shown), height, width), bool)
                inside[:, rows, columns] = _inside(score.numpy(), shown)
                yield MaskFrame(inside, seconds)

    def _windows(self, most: int) -> Iterator[range]:
        """The numbers of the frames that are refined at once. No window passes a cut."""
        for start, stop in pairwise((0, *self.source.cuts, self.source.num_frames)):
            for begin in range(start, stop, most):
                yield range(begin, min(begin + most, stop))


def _inside(scores: np.ndarray, shown: list[int] | None) -> np.ndarray:
    """The masks of a frame, bool `[C, H, W]`. With `shown` they exclude each other, and the highest score wins."""
    if shown is None:
        return scores >= 0
    highest = scores.argmax(0)  # the first of equals
    return np.stack([(highest == place) & (scores[place] >= 0) for place in shown])

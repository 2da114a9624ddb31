"""Measures how well each single layer, and each single head, finds concepts with known masks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from imap_fast.metrics.ranking import auc
from imap_fast.models.read_layer import ReadLayer
from imap_fast.tracing.tracer import Tracer
from imap_kernels import frame_separation, gram_column, motion_heads, qk_match, soft_surrogates


class SingleLayerTracer(Tracer):
    """A trace of one video that measures each layer and each head alone, and keeps no maps.

    Args:
        tracer: the tracer whose adapter, settings and concepts are used.
        masks: the mask of each concept in the frames that the model gets, bool `[T, H, W]`.

    Attributes:
        head_scores: the separation score of each head, fp32 `[A]`, by layer.
        auc: AUC of `imap`, of `gramcol`, and of the Gram columns of each head, fp64 `[2 + A]`, by layer. It is the mean
            over the concepts that are in some patches, but not in all.
    """

    def __init__(self, tracer: Tracer, masks: Mapping[str, np.ndarray]) -> None:
        super().__init__(tracer.adapter, tracer.settings, tracer.concepts, guided=False)
        self.masks = masks
        self.head_scores: dict[int, Tensor] = {}
        self.auc: dict[int, Tensor] = {}

    @cached_property
    def inside(self) -> dict[int, np.ndarray]:
        """The patches of each concept, bool `[F · H · W]`, by its row in the maps.

        Raises:
            ValueError: no concept is in some patches, but not in all.
        """
        time = self.adapter.temporal_compression, self.adapter.patch_size[0]
        labels = self.concepts.labels or ()
        patches = {
            labels.index(label): patches_inside(mask, self.running_maps.grid, *time)
            for label, mask in self.masks.items()
        }
        usable = {row: inside for row, inside in patches.items() if 0 < inside.mean() < 1}
        if not usable:
            names = ", ".join(self.masks) or "no concept"
            raise ValueError(f"masks of {names}: none has patches both inside and outside; give another video")
        return usable

    def _read_layer(self, read: ReadLayer) -> None:
        frames, settings = self.running_maps.grid[0], self.settings
        query, features, text = read.query, read.features, read.text
        scores = frame_separation(features, frames=frames, score=settings.head_score, backend=settings.backend)
        chosen = motion_heads(scores, score=settings.head_score, top_k=settings.top_k)
        share = torch.zeros_like(scores).index_fill_(0, chosen, 1 / settings.top_k)
        if settings.surrogates == "argmax":
            surrogates = qk_match(query, text.key, frames=frames, backend=settings.backend)
        else:
            query, key = query.to(features.dtype), text.key.to(features.dtype)  # autocast may leave them in fp32
            surrogates, _ = soft_surrogates(
                query, key, features, frames=frames, over=settings.surrogates, backend=settings.backend
            )
        head_auc = []
        imap, gramcol = torch.zeros_like(self.running_maps.contrast_sum[0])
        for head in range(len(features)):
            # One head at a time: a trace never keeps the maps of all heads.
            only, own = slice(head, head + 1), torch.zeros_like(gramcol)
            gram_column(
                features[only],
                surrogates[only],
                multiplicity=text.multiplicity,
                head_weights=scores.new_ones(1, 1),
                out=own[None],
                normalize=settings.normalize,
                backend=settings.backend,
            )
            head_auc.append(self._mean_auc(own))
            imap += share[head] * own
            gramcol += own
        auc = [self._mean_auc(imap), self._mean_auc(gramcol), *head_auc]
        self.head_scores[read.layer], self.auc[read.layer] = scores.cpu(), torch.tensor(auc, dtype=torch.float64)

    def _mean_auc(self, rows: Tensor) -> float:
        """The mean AUC over concepts of one map, `[K, N]`."""
        values = self.concepts.select(rows[None], self._counts["gramcol"])[0].cpu().numpy()
        return float(np.mean([auc(values[row], inside) for row, inside in self.inside.items()]))


def patches_inside(
    mask: np.ndarray, grid: tuple[int, int, int], temporal_compression: int, patch_size_t: int
) -> np.ndarray:
    """The patches of which a mask covers at least half, on average over the video frames of their latent frame.

    Args:
        mask: bool `[T, height, width]`.
        grid: `(F, H, W)`, latent frames and patches.
        temporal_compression: video frames in a latent frame of the VAE. The first latent frame has only one.
        patch_size_t: latent frames of the VAE in a latent frame of the grid. If they do not fill it, padding is in
            front.

    Returns:
        bool `[F · H · W]`.
    """
    covered = F.adaptive_avg_pool2d(torch.from_numpy(mask).float(), grid[1:])
    latent = (torch.arange(len(mask)) + temporal_compression - 1) // temporal_compression
    padding = grid[0] * patch_size_t - 1 - int(latent[-1])
    index = (latent + padding) // patch_size_t
    total = torch.zeros(grid, dtype=torch.float32).index_add_(0, index, covered)
    return (total / index.bincount(minlength=grid[0])[:, None, None] >= 0.5).flatten().numpy()

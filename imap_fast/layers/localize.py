"""How well each layer, and each of its heads, finds what the truth is known of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from imap_fast.metrics.ranking import auc
from imap_fast.models.text_rows import TextRows
from imap_fast.tracing.tracer import Tracer
from imap_kernels import frame_separation, gram_column, motion_heads, qk_match


class LayersApart(Tracer):
    """A trace of one video that measures each layer and each head by itself, and keeps no maps.

    Args:
        asked: what to look for, and how.
        masks: where concepts are, bool `[T, H, W]`, of the frames that the model is given.

    Attributes:
        head_scores: by layer, each head's separation score, fp32 `[A]`.
        auc: by layer, the AUC of `imap`, of `gramcol`, and of each head's own Gram columns against the patches inside:
            fp64 `[2 + A]`, the mean over concepts that are in some patches and not in all.
    """

    def __init__(self, asked: Tracer, masks: Mapping[str, np.ndarray]) -> None:
        super().__init__(asked.adapter, asked.settings, asked.concepts, guided=False)
        self.masks = masks
        self.head_scores: dict[int, Tensor] = {}
        self.auc: dict[int, Tensor] = {}

    @cached_property
    def inside(self) -> dict[int, np.ndarray]:
        """The patches of each concept, bool `[F · H · W]`, by its row in the maps.

        Raises:
            ValueError: none of the concepts is in some patches and not in all.
        """
        time = self.adapter.temporal_compression, self.adapter.patch_size[0]
        patches = {
            self.concepts.labels.index(label): patches_inside(mask, self.running_maps.grid, *time)
            for label, mask in self.masks.items()
        }
        found = {row: inside for row, inside in patches.items() if 0 < inside.mean() < 1}
        if not found:
            named = ", ".join(self.masks) or "no concept"
            raise ValueError(f"masks of {named}: none has patches both inside and outside; give another video")
        return found

    def _read_layer(
        self, layer: int, video: int, query: Tensor, features: Tensor, text: TextRows, concepts: TextRows
    ) -> None:
        frames, settings = self.running_maps.grid[0], self.settings
        scores = frame_separation(features, frames=frames, score=settings.head_score, backend=settings.backend)
        chosen = motion_heads(scores, score=settings.head_score, top_k=settings.top_k)
        share = torch.zeros_like(scores).index_fill_(0, chosen, 1 / settings.top_k)
        surrogates = qk_match(query, text.key, frames=frames, backend=settings.backend)
        of_heads = []
        imap, gramcol = torch.zeros_like(self.running_maps.contrast_sum[0])
        for head in range(len(features)):
            # One at a time: maps of all heads would be as large as what a trace never keeps.
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
            of_heads.append(self._mean_auc(own))
            imap += share[head] * own
            gramcol += own
        found = [self._mean_auc(imap), self._mean_auc(gramcol), *of_heads]
        self.head_scores[layer], self.auc[layer] = scores.cpu(), torch.tensor(found, dtype=torch.float64)

    def _mean_auc(self, one: Tensor) -> float:
        """Of one map `[K, N]`, the mean over concepts."""
        values = self.concepts.select(one[None], self._counts["gramcol"])[0].cpu().numpy()
        return float(np.mean([auc(values[row], inside) for row, inside in self.inside.items()]))


def patches_inside(
    mask: np.ndarray, grid: tuple[int, int, int], temporal_compression: int, patch_size_t: int
) -> np.ndarray:
    """The patches of which a mask covers at least half, over the frames that a latent frame stands for.

    Args:
        mask: bool `[T, height, width]`.
        grid: `(F, H, W)`, latent frames and patches.
        temporal_compression: frames in a latent frame of the VAE, which has the first frame for itself.
        patch_size_t: latent frames of the VAE in one of the grid; where they do not fill it, padding stands in front.

    Returns:
        bool `[F · H · W]`.
    """
    covered = F.adaptive_avg_pool2d(torch.from_numpy(mask).float(), grid[1:])
    latent = (torch.arange(len(mask)) + temporal_compression - 1) // temporal_compression
    padding = grid[0] * patch_size_t - 1 - int(latent[-1])
    place = (latent + padding) // patch_size_t
    total = torch.zeros(grid).index_add_(0, place, covered)
    return (total / place.bincount(minlength=grid[0])[:, None, None] >= 0.5).flatten().numpy()

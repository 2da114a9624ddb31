"""GramCol of all heads and frame separation, one after the other."""

import torch

from imap_kernels.frame_separation.reference import frame_separation
from imap_kernels.gram_column.reference import gram_column


def gram_separation(
    features: torch.Tensor,
    surrogate_index: torch.Tensor,
    multiplicity: torch.Tensor,
    out: torch.Tensor,
    score: str,
    normalize: str,
    not_finite: torch.Tensor | None,
) -> torch.Tensor:
    """Add the map with a weight of one for every head, and return the scores."""
    every_head = multiplicity.new_ones(1, len(features))
    gram_column(features, surrogate_index, multiplicity, every_head, out[None], normalize)
    return frame_separation(features, surrogate_index.shape[2], score, not_finite)

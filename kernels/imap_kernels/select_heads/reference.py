"""The selection of motion heads as its equation."""

import torch

from imap_kernels.motion_heads import motion_heads


def select_heads(
    scores: torch.Tensor,
    score: str,
    top_k: int,
    score_sum: torch.Tensor,
    chosen_sum: torch.Tensor,
    weights: torch.Tensor,
    given: torch.Tensor | None,
) -> None:
    """Add the scores and the choice to the sums, and set `weights` to `1/k` at the motion heads."""
    chosen = motion_heads(scores, score=score, top_k=top_k) if given is None else given
    is_motion_head = torch.zeros_like(scores).index_fill_(0, chosen, 1.0)
    score_sum += scores
    chosen_sum += is_motion_head
    weights.copy_(is_motion_head / top_k)

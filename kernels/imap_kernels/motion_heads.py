"""Motion heads: the heads that separate the frames best (docs/method.md, "Motion heads")."""

import torch

from imap_kernels.frame_separation import check_score


@torch.no_grad()
def motion_heads(scores: torch.Tensor, *, score: str, top_k: int) -> torch.Tensor:
    """Choose the `top_k` heads that separate the frames best, on the device and without synchronization.

    Args:
        scores: `[..., heads]`, from `frame_separation`.
        score: name of the score. Lower is better for `dbi`, higher for the others.
        top_k: the number of heads.

    Returns:
        int64 `[..., top_k]`, best first. Of equal heads, the one with the lowest index is first. NaN is last.

    Raises:
        ValueError: an unknown score, or a `top_k` that is not between 1 and the number of heads.
    """
    check_score(score)
    check_top_k(top_k, scores.shape[-1])
    cost = scores if score == "dbi" else -scores
    return cost.argsort(dim=-1, stable=True)[..., :top_k]


def check_top_k(top_k: int, heads: int) -> None:
    """Raise ValueError unless a layer with this number of heads has `top_k` motion heads."""
    if not 1 <= top_k <= heads:
        raise ValueError(f"top_k is {top_k}; choose between 1 and the number of heads, {heads}")

"""The heads that are chosen in most steps, or windows."""

from torch import Tensor

from imap_kernels import motion_heads


def most_chosen(votes: Tensor, scores: Tensor, *, head_score: str, top_k: int) -> Tensor:
    """The heads with most votes. The better score decides between equals.

    Args:
        votes: `[…, A]`.
        scores: `[…, A]`.
        head_score: name of the score, which says whether lower or higher is better.
        top_k: the number of heads.

    Returns:
        int64 `[…, k]`.
    """
    by_score = motion_heads(scores, score=head_score, top_k=scores.shape[-1])
    by_votes = votes.gather(-1, by_score).argsort(dim=-1, descending=True, stable=True)
    return by_score.gather(-1, by_votes)[..., :top_k]

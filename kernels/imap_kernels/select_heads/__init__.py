"""Selection of the motion heads of a layer, in the running sums (docs/method.md, "Motion heads")."""

import torch

from imap_kernels.backend import implementation
from imap_kernels.checks import check_device, check_float32
from imap_kernels.frame_separation import check_score
from imap_kernels.motion_heads import check_top_k


@torch.no_grad()
def select_heads(
    scores: torch.Tensor,
    *,
    score: str,
    top_k: int,
    score_sum: torch.Tensor,
    chosen_sum: torch.Tensor,
    weights: torch.Tensor,
    given: torch.Tensor | None = None,
    backend: str = "auto",
) -> None:
    """Choose the motion heads of one layer, and add scores and choice to the running sums, in place.

    The motion heads are those of `motion_heads(scores, score=score, top_k=top_k)`, or `given`. Then
    `score_sum += scores`, `chosen_sum[h] += 1` at the motion heads, and `weights[h] = 1/k` there and 0 elsewhere: the
    row of `gram_column`'s `head_weights` that gives `imap`.

    Args:
        scores: fp32 `[heads]`, from `frame_separation`.
        score: name of the score. Lower is better for `dbi`, higher for the others. NaN is last.
        top_k: k, the number of motion heads.
        score_sum: fp32 `[heads]`, like `chosen_sum`.
        chosen_sum: how often each head was chosen.
        weights: fp32 `[heads]`, overwritten.
        given: int64 `[k]`, heads to take instead of the best.
        backend: `"auto"`, `"triton"` or `"reference"`.

    Raises:
        ValueError, TypeError: an unknown score, a `top_k` that is not between 1 and the number of heads, shapes, dtypes
            or devices that do not agree, or a backend that cannot run here.
    """
    check_score(score)
    check_float32("scores", scores, (None,), scores)
    heads = len(scores)
    for name, tensor in (("score_sum", score_sum), ("chosen_sum", chosen_sum), ("weights", weights)):
        check_float32(name, tensor, (heads,), scores)
    check_top_k(top_k, heads)
    if given is not None:
        if given.dtype != torch.int64 or given.shape != (top_k,):
            raise ValueError(f"given is {given.dtype} {list(given.shape)}; pass {top_k} heads as int64 [{top_k}]")
        check_device("given", given, "scores", scores)
    _select_heads(scores, score, top_k, score_sum, chosen_sum, weights, given, backend)


@torch.library.custom_op("imap_kernels::select_heads", mutates_args=("score_sum", "chosen_sum", "weights"))
def _select_heads(
    scores: torch.Tensor,
    score: str,
    top_k: int,
    score_sum: torch.Tensor,
    chosen_sum: torch.Tensor,
    weights: torch.Tensor,
    given: torch.Tensor | None,
    backend: str,
) -> None:
    implementation("select_heads", backend, scores)(scores, score, top_k, score_sum, chosen_sum, weights, given)


@_select_heads.register_fake
def _(
    scores: torch.Tensor,
    score: str,
    top_k: int,
    score_sum: torch.Tensor,
    chosen_sum: torch.Tensor,
    weights: torch.Tensor,
    given: torch.Tensor | None,
    backend: str,
) -> None:
    pass

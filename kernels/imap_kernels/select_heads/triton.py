"""The selection of motion heads in one program."""

import torch
import triton
import triton.language as tl

from imap_kernels.tuning import block


def select_heads(
    scores: torch.Tensor,
    score: str,
    top_k: int,
    score_sum: torch.Tensor,
    chosen_sum: torch.Tensor,
    weights: torch.Tensor,
    given: torch.Tensor | None,
) -> None:
    """Launch one program, which holds all heads."""
    _rank_heads[(1,)](
        scores,
        score_sum,
        chosen_sum,
        weights,
        given,
        len(scores),
        top_k,
        scores.stride(0),
        score_sum.stride(0),
        chosen_sum.stride(0),
        weights.stride(0),
        1 if given is None else given.stride(0),
        LOWER_IS_BETTER=score == "dbi",
        BLOCK_A=block(len(scores)),
        num_warps=4,
    )


# The sums of a layer are rows of larger tensors, at any alignment: it must not compile this kernel once more.
@triton.jit(do_not_specialize_on_alignment=["scores", "score_sum", "chosen_sum", "weights", "given"])
def _rank_heads(
    scores,
    score_sum,
    chosen_sum,
    weights,
    given,
    heads,
    top_k,
    score_stride,
    score_sum_stride,
    chosen_sum_stride,
    weight_stride,
    given_stride,
    LOWER_IS_BETTER: tl.constexpr,
    BLOCK_A: tl.constexpr,
):
    """Count for each head the better ones. It is a motion head if there are fewer than `top_k`.

    Of equal heads, the one with the lowest index is better. NaN is worse than any number.
    """
    head = tl.arange(0, BLOCK_A)
    valid = head < heads
    own = tl.load(scores + head * score_stride, mask=valid, other=float("nan"))
    if given is None:
        cost = own if LOWER_IS_BETTER else -own
        # Not a number: after any infinity, in the order of the indices.
        unknown = cost != cost
        lower = (cost[None, :] < cost[:, None]) | (unknown[:, None] & ~unknown[None, :])
        equal = (cost[None, :] == cost[:, None]) | (unknown[:, None] & unknown[None, :])
        better = lower | (equal & (head[None, :] < head[:, None]))
        chosen = tl.sum(better.to(tl.int32), axis=1) < top_k
    else:
        chosen = head < 0
        for k in range(top_k):
            chosen |= head == tl.load(given + k * given_stride)
    is_motion_head = tl.where(chosen, 1.0, 0.0)
    at = score_sum + head * score_sum_stride
    tl.store(at, tl.load(at, mask=valid) + own, mask=valid)
    at = chosen_sum + head * chosen_sum_stride
    tl.store(at, tl.load(at, mask=valid) + is_motion_head, mask=valid)
    tl.store(weights + head * weight_stride, is_motion_head / top_k, mask=valid)

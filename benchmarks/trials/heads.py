"""The weights of the heads in `imap`: those of the published method, and others."""

from __future__ import annotations

import torch
from torch import Tensor

from imap_kernels import frame_separation, motion_heads

WEIGHTS = ("best", "proportional", "softmax", "peaked", "separated")
"""How heads are weighted. "best": the k heads whose o separates the frames best count alike. "proportional" and
"softmax": all heads count, by that score or by the softmax of the standardized score. "peaked" and "separated": each
concept has its own k heads, whose maps of it have the highest kurtosis, or separate the frames best."""


def head_weights(kind: str, features: Tensor, contrasts: Tensor, frames: int, top_k: int) -> Tensor:
    """The weight of each head for each concept. The weights of a concept sum to 1.

    Args:
        kind: one of `WEIGHTS`.
        features: o, `[A, N, d]`.
        contrasts: z of the concepts, `[A, C, N]`.
        frames: F.
        top_k: k.

    Returns:
        `[C, A]`, or `[1, A]` if they are the same for all concepts.
    """
    if kind == "peaked":
        scores = kurtosis(contrasts).T
    elif kind == "separated":
        each = contrasts.flatten(0, 1)[..., None]
        scores = separation(each, frames).unflatten(0, contrasts.shape[:2]).T
    else:
        scores = separation(features, frames)[None]
    if kind == "proportional":
        return scores / scores.sum(-1, keepdim=True)
    if kind == "softmax":
        return ((scores - scores.mean(-1, keepdim=True)) / scores.std(-1, keepdim=True)).softmax(-1)
    chosen = motion_heads(scores, score="chi", top_k=top_k)
    return torch.zeros_like(scores).scatter_(-1, chosen, 1 / top_k)


def separation(points: Tensor, frames: int) -> Tensor:
    """The separation score of the frames in each row of points `[rows, N, d]`."""
    return frame_separation(points, frames=frames, score="chi", backend="reference")


def kurtosis(values: Tensor) -> Tensor:
    """The fourth standardized moment over the last dimension: high if a few values are far from the others."""
    deviation = values - values.mean(-1, keepdim=True)
    return deviation.pow(4).mean(-1) / deviation.square().mean(-1).square()

"""The equations of the method, on full matrices in fp64."""

from __future__ import annotations

import torch
from torch import Tensor


def layer_maps(
    query: Tensor, output: Tensor, text_key: Tensor, text_output: Tensor | None, frames: int, top_k: int
) -> dict[str, Tensor]:
    """The maps of one layer, its surrogate tokens and its motion heads.

    Args:
        query: q of the visual tokens, `[A, N, d]`, like `output`.
        output: o of the visual tokens.
        text_key: κ, `[A, T, d]`.
        text_output: the attention output of the concepts, `[A, T, d]`. None: no map of it.
        frames: F.
        top_k: the number of motion heads.

    Returns:
        `gramcol`, `imap`, `cross_attention`, `concept_attention` `[T, F, P]`, `surrogates` `[A, T, F]`, `heads`.
    """
    q, o, k = (rows.double() for rows in (query, output, text_key))
    scores = (k @ q.mT).unflatten(-1, (frames, -1))  # [A, T, F, P]
    surrogates = scores.argmax(-1)
    features = o.unflatten(1, (frames, -1))  # [A, F, P, d]
    chosen = features[torch.arange(len(features))[:, None, None], torch.arange(frames), surrogates]  # [A, T, F, d]
    gram = torch.einsum("atfd,afpd->atfp", chosen, features)
    contrast = (gram - gram.mean(1, keepdim=True)) / (gram.std(1, keepdim=True) + 1e-6)
    best = separation(features).topk(top_k).indices
    maps = {"gramcol": contrast.sum(0), "imap": contrast[best].mean(0), "cross_attention": scores.mean(0)}
    if text_output is not None:
        maps["concept_attention"] = (text_output.double() @ o.mT).sum(0).unflatten(-1, (frames, -1))
    return maps | {"surrogates": surrogates, "heads": best.sort().values}


def separation(features: Tensor) -> Tensor:
    """The Calinski–Harabasz score of features `[A, F, P, d]` of each head, with frames as clusters."""
    _, frames, patches, _ = features.shape
    centers, center = features.mean(2), features.mean((1, 2))
    between = patches * (centers - center[:, None]).square().sum((1, 2))
    within = (features - centers[:, :, None]).square().sum((1, 2, 3))
    return (between / (frames - 1)) / (within / (frames * patches - frames))

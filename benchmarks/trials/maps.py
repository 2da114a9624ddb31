"""The maps of a variant, from what was captured: equations in plain PyTorch, with the symbols of docs/method.md."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.trials.captured import Layer, Passes
from benchmarks.trials.heads import head_weights
from benchmarks.trials.variants import Variant


def variant_maps(variant: Variant, passes: Passes, seeds: Sequence[int], step: int, top_k: int) -> Tensor:
    """`imap` and `gramcol` of a clip, means over noises, steps and layers.

    Args:
        variant: what to compute.
        passes: of the clip.
        seeds: of the noises, as many as the variant averages.
        step: of a variant that names none.
        top_k: of a variant that names none.

    Returns:
        `[2, C, N]`.
    """
    layers = [layer for seed in seeds for each in variant.steps or (step,) for layer in passes[seed, each]]
    return torch.stack([layer_maps(variant, layer, top_k) for layer in layers]).mean(0)


def layer_maps(variant: Variant, layer: Layer, top_k: int) -> Tensor:
    """`imap` and `gramcol` of one layer, `[2, C, N]`."""
    z = contrast(columns(variant, layer), text_counts(variant, layer.multiplicity), divided=variant.divided)[:, :-1]
    k = top_k if variant.top_k is None else variant.top_k
    weights = head_weights(variant.heads, layer.features, z, layer.frames, k).to(z)
    return torch.stack([(weights.T[..., None] * z).sum(0), z.sum(0)])


def columns(variant: Variant, layer: Layer) -> Tensor:
    """`g`, `[A, C + 1, N]`."""
    if variant.columns == "products":
        return layer.key @ layer.query.mT
    tokens, features = surrogates(variant, layer), layer.features
    if variant.cosine_columns:
        tokens, features = F.normalize(tokens, dim=-1), F.normalize(features, dim=-1)
    features = features.unflatten(1, (layer.frames, -1))
    # From frame to frame: [A, F, C + 1, d] @ [A, F, d, P].
    return (tokens.transpose(1, 2) @ features.mT).transpose(1, 2).flatten(2)


def surrogates(variant: Variant, layer: Layer) -> Tensor:
    """The surrogate tokens `s`, `[A, C + 1, F, d]`, or `[A, C + 1, 1, d]` if one stands for the clip."""
    query, key, dim = layer.query, layer.key, layer.query.shape[-1]
    if variant.match == "cosine":  # as long as normed vectors are, so that t means the same
        query, key = (F.normalize(rows, dim=-1) * dim**0.5 for rows in (query, key))
    elif variant.match == "centred":
        key = minus_mean(key, text_counts(variant, layer.multiplicity))
    segments = 1 if variant.surrogates == "clip" else layer.frames
    products = (key @ query.mT).unflatten(-1, (segments, -1))
    if variant.surrogates == "argmax":
        weights = torch.zeros_like(products).scatter_(-1, products.argmax(-1, keepdim=True), 1)
    else:
        weights = (variant.t * dim**-0.5 * products).softmax(-1)
    features = layer.features.unflatten(1, (segments, -1))
    return (weights.transpose(1, 2) @ features).transpose(1, 2)


def text_counts(variant: Variant, multiplicity: Tensor) -> Tensor:
    """How often the contrast counts each text key. The last one is the padding."""
    padding = {"all": multiplicity[-1:], "once": multiplicity.new_ones(1), "never": multiplicity.new_zeros(1)}
    return torch.cat([multiplicity[:-1], padding[variant.padding]])


def contrast(g: Tensor, counts: Tensor, *, divided: bool = True) -> Tensor:
    """`z = (g − mean g) / (std g + 1e-6)` over text keys that count several times, or `g − mean g`: `[A, C + 1, N]`."""
    difference = minus_mean(g, counts)
    if not divided:
        return difference
    variance = (counts.to(g)[:, None] * difference.square()).sum(1, keepdim=True) / (counts.sum() - 1)
    return difference / (variance.sqrt() + 1e-6)


def minus_mean(rows: Tensor, counts: Tensor) -> Tensor:
    """The rows of the text keys minus their mean, `[A, C + 1, …]`."""
    return rows - (counts.to(rows)[:, None] * rows).sum(1, keepdim=True) / counts.sum()

"""Soft text-surrogate tokens: the mean of o, weighted by how well q matches a text key (docs/method.md)."""

import torch

from imap_kernels.backend import implementation
from imap_kernels.checks import check_features, check_flag, check_frames
from imap_kernels.frame_separation import check_score

SEGMENTS = ("frame", "clip")
"""Over what the softmax runs: the patches of each frame, or all of the clip."""

SHARPNESS = 3.0
"""The default `scale`, in units of `1/√d`. Validation scenes of the demo model do not tell 2 from 4."""


@torch.no_grad()
def soft_surrogates(
    query: torch.Tensor,
    key: torch.Tensor,
    features: torch.Tensor,
    *,
    frames: int,
    scale: float | None = None,
    over: str = "clip",
    score: str = "chi",
    not_finite: torch.Tensor | None = None,
    backend: str = "auto",
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute the soft surrogate of each text key, and the separation score of each head (docs/method.md).

    `s[h, c] = Σ_n softmax_n(scale · query[h, n] · key[h, c]) features[h, n]`, over the patches of one frame or of all
    frames, minus the mean of `s[h]` over the text keys. The contrast does not see what all keys share, and without it
    16 bits are enough. The scores are those of `frame_separation`. Together they read queries and features once for
    each 64 text keys. Sums are in fp32 (fp64 for fp64) and in a fixed order, so a repeated call gives the same bits.

    Args:
        query: visual queries `[heads, frames · patches, head dim]`, frame-major, any strides; fp32, fp16, bf16, or
            fp64 with the reference.
        key: text keys `[heads, keys, head dim]`, same dtype.
        features: attention output, like `query`.
        frames: latent frames.
        scale: factor of the dot products in the softmax. None: `3/√d`.
        over: `"frame"`, a surrogate for each frame, or `"clip"`, one for all frames.
        score: as in `frame_separation`.
        not_finite: int32 scalar, set to 1 if a query, a key, a dot product or a feature is not finite.
        backend: `"auto"`, `"triton"` or `"reference"`.

    Returns:
        The surrogates in the dtype of the features, `[heads, keys, frames, head dim]` or `[heads, keys, 1, head dim]`,
        and the scores, fp32 `[heads]`.

    Raises:
        ValueError, TypeError: an unknown `over` or score, shapes, dtypes or devices that do not agree, or a backend
            that cannot run here.
    """
    check_features(query=query, key=key, features=features)
    if features.shape != query.shape:
        raise ValueError(f"features has shape {list(features.shape)} but query has {list(query.shape)}; pass one video")
    check_frames("query", query, frames)
    if over not in SEGMENTS:
        raise ValueError(f"over is {over!r}; choose one of {', '.join(map(repr, SEGMENTS))}")
    check_score(score)
    check_flag(not_finite, query)
    scale = SHARPNESS * query.shape[-1] ** -0.5 if scale is None else scale
    return _soft_surrogates(query, key, features, frames, scale, over, score, not_finite, backend)


@torch.library.custom_op("imap_kernels::soft_surrogates", mutates_args=("not_finite",))
def _soft_surrogates(
    query: torch.Tensor,
    key: torch.Tensor,
    features: torch.Tensor,
    frames: int,
    scale: float,
    over: str,
    score: str,
    not_finite: torch.Tensor | None,
    backend: str,
) -> tuple[torch.Tensor, torch.Tensor]:
    return implementation("soft_surrogates", backend, query)(
        query, key, features, frames, scale, over, score, not_finite
    )


@_soft_surrogates.register_fake
def _(
    query: torch.Tensor,
    key: torch.Tensor,
    features: torch.Tensor,
    frames: int,
    scale: float,
    over: str,
    score: str,
    not_finite: torch.Tensor | None,
    backend: str,
) -> tuple[torch.Tensor, torch.Tensor]:
    heads, keys, dim = key.shape
    segments = frames if over == "frame" else 1
    return features.new_empty((heads, keys, segments, dim)), features.new_empty(heads, dtype=torch.float32)

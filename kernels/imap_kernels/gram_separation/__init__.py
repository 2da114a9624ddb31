"""GramCol of all heads and frame separation in one pass over the features (docs/method.md, "Exact shortcuts")."""

import torch

from imap_kernels.backend import implementation
from imap_kernels.checks import check_features, check_flag, check_float32, check_frames, check_surrogate_index
from imap_kernels.frame_separation import check_score
from imap_kernels.normalize import check_normalize


@torch.no_grad()
def gram_separation(
    features: torch.Tensor,
    surrogate_index: torch.Tensor,
    *,
    multiplicity: torch.Tensor,
    out: torch.Tensor,
    score: str = "chi",
    normalize: str = "none",
    not_finite: torch.Tensor | None = None,
    backend: str = "auto",
) -> torch.Tensor:
    """Add the `gramcol` map of one layer to the running map, in place, and compute the separation score of each head.

    These are `gram_column` with a weight of one for every head, and `frame_separation`. Together they read the features
    once if there are at most 64 text keys and the score is `chi` or `fisher`. Then `imap` reads only the motion heads
    again.

    Args:
        features: attention output `[heads, frames · patches, head dim]`, frame-major, any strides; fp32, fp16, bf16,
            or fp64 with the reference.
        surrogate_index: int64 `[heads, keys, frames]`, from `qk_match`.
        multiplicity: fp32 `[keys]`, as in `gram_column`.
        out: fp32 `[concepts, frames · patches]`, the running map of the first `concepts ≤ keys` keys.
        score: as in `frame_separation`.
        normalize: `"none"`, or `"softmax"` over the text keys of this layer's map.
        not_finite: int32 scalar, set to 1 if a feature is not finite.
        backend: `"auto"`, `"triton"` or `"reference"`.

    Returns:
        fp32 `[heads]`.

    Raises:
        ValueError, TypeError: an unknown score, shapes, dtypes or devices that do not agree, or a backend that cannot
            run here.
    """
    check_features(features=features)
    keys, frames = check_surrogate_index(surrogate_index, features)
    check_frames("features", features, frames)
    check_float32("multiplicity", multiplicity, (keys,), features)
    check_float32("out", out, (None, features.shape[1]), features)
    if len(out) > keys:
        raise ValueError(f"out has room for {len(out)} concepts but there are {keys} text keys; make it smaller")
    check_score(score)
    check_normalize(normalize)
    check_flag(not_finite, features)
    return _gram_separation(features, surrogate_index, multiplicity, out, score, normalize, not_finite, backend)


@torch.library.custom_op("imap_kernels::gram_separation", mutates_args=("out", "not_finite"))
def _gram_separation(
    features: torch.Tensor,
    surrogate_index: torch.Tensor,
    multiplicity: torch.Tensor,
    out: torch.Tensor,
    score: str,
    normalize: str,
    not_finite: torch.Tensor | None,
    backend: str,
) -> torch.Tensor:
    return implementation("gram_separation", backend, features)(
        features, surrogate_index, multiplicity, out, score, normalize, not_finite
    )


@_gram_separation.register_fake
def _(
    features: torch.Tensor,
    surrogate_index: torch.Tensor,
    multiplicity: torch.Tensor,
    out: torch.Tensor,
    score: str,
    normalize: str,
    not_finite: torch.Tensor | None,
    backend: str,
) -> torch.Tensor:
    return features.new_empty(features.shape[0], dtype=torch.float32)

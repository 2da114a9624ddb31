"""Frame separation: a score for how well each head separates the frames (docs/method.md, "Motion heads")."""

import torch

from imap_kernels.backend import implementation
from imap_kernels.checks import check_features, check_flag, check_frames

SCORES = ("chi", "fisher", "dbi", "silhouette")


@torch.no_grad()
def frame_separation(
    features: torch.Tensor,
    *,
    frames: int,
    score: str = "chi",
    not_finite: torch.Tensor | None = None,
    backend: str = "auto",
) -> torch.Tensor:
    """Compute the separation score of each head, with the frame index as cluster label.

    See docs/method.md, "Motion heads". `m_f` is the mean of frame `f`, `m` the mean of all tokens, and `r_f` the mean
    distance of the tokens of frame `f` to `m_f`. The scatter between frames is `S_b = Σ_f P (m_f - m)(m_f - m)ᵀ`, and
    within frames `S_w = Σ_f Σ_p (x - m_f)(x - m_f)ᵀ`.

    - `chi` (Calinski–Harabasz): `tr(S_b) (N - F) / (tr(S_w) (F - 1))`,
    - `fisher`: `tr(S_b) / tr(S_w)`,
    - `dbi` (Davies–Bouldin, lower is better): mean over frames of `max_j (r_i + r_j) / |m_i - m_j|`,
    - `silhouette`: Euclidean, on the `min(5000, N)` tokens that scikit-learn draws with `random_state=0`.

    The values are those of scikit-learn. A head without scatter within its frames has a `chi` of 1, and `fisher` in
    proportion. With one frame, or one patch in a frame, every score is 0.

    Args:
        features: attention output `[heads, frames · patches, head dim]`, frame-major, any strides; fp32, fp16, bf16,
            or fp64 with the reference.
        frames: latent frames.
        score: `"chi"`, `"fisher"`, `"dbi"` or `"silhouette"`.
        not_finite: int32 scalar, set to 1 if a feature is not finite.
        backend: `"auto"`, `"triton"` or `"reference"`.

    Returns:
        fp32 `[heads]`.

    Raises:
        ValueError, TypeError: an unknown score, shapes or dtypes that do not agree, or a backend that cannot run here.
    """
    check_features(features=features)
    check_frames("features", features, frames)
    check_score(score)
    check_flag(not_finite, features)
    return _frame_separation(features, frames, score, not_finite, backend)


def check_score(score: str) -> None:
    """Raise ValueError unless `score` is a known separation score."""
    if score not in SCORES:
        raise ValueError(f"score is {score!r}; choose one of {', '.join(map(repr, SCORES))}")


@torch.library.custom_op("imap_kernels::frame_separation", mutates_args=("not_finite",))
def _frame_separation(
    features: torch.Tensor, frames: int, score: str, not_finite: torch.Tensor | None, backend: str
) -> torch.Tensor:
    return implementation("frame_separation", backend, features)(features, frames, score, not_finite)


@_frame_separation.register_fake
def _(features: torch.Tensor, frames: int, score: str, not_finite: torch.Tensor | None, backend: str) -> torch.Tensor:
    return features.new_empty(features.shape[0], dtype=torch.float32)

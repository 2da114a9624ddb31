"""QK-matching: the patch of each frame that matches a text key best (docs/method.md, "QK-matching")."""

import torch

from imap_kernels.backend import implementation
from imap_kernels.checks import check_features, check_flag, check_frames


@torch.no_grad()
def qk_match(
    query: torch.Tensor,
    key: torch.Tensor,
    *,
    frames: int,
    not_finite: torch.Tensor | None = None,
    backend: str = "auto",
) -> torch.Tensor:
    """Find the patch that matches each text key best, in each head and frame (docs/method.md, "QK-matching").

    `i*[h, c, f] = argmax_p query[h, f, p] · key[h, c]`. Dot products are in fp32 (fp64 for fp64). Of equal patches, the
    one with the lowest index is taken.

    Args:
        query: visual queries `[heads, frames · patches, head dim]`, frame-major, any strides; fp32, fp16, bf16, or
            fp64 with the reference.
        key: text keys `[heads, keys, head dim]`, same dtype.
        frames: latent frames.
        not_finite: int32 scalar, set to 1 if a query, a key or a dot product is not finite.
        backend: `"auto"`, `"triton"` or `"reference"`.

    Returns:
        int64 `[heads, keys, frames]`, the patch index within the frame.

    Raises:
        ValueError, TypeError: shapes, dtypes or devices that do not agree, or a backend that cannot run here.
    """
    check_features(query=query, key=key)
    check_frames("query", query, frames)
    check_flag(not_finite, query)
    return _qk_match(query, key, frames, not_finite, backend)


@torch.library.custom_op("imap_kernels::qk_match", mutates_args=("not_finite",))
def _qk_match(
    query: torch.Tensor, key: torch.Tensor, frames: int, not_finite: torch.Tensor | None, backend: str
) -> torch.Tensor:
    return implementation("qk_match", backend, query)(query, key, frames, not_finite)


@_qk_match.register_fake
def _(
    query: torch.Tensor, key: torch.Tensor, frames: int, not_finite: torch.Tensor | None, backend: str
) -> torch.Tensor:
    return query.new_empty((*key.shape[:2], frames), dtype=torch.int64)

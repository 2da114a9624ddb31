"""Text attention: how much text rows attend to text rows, beside visual ones (docs/method.md, "Text attention")."""

import torch

from imap_kernels.backend import implementation
from imap_kernels.checks import check_features, check_flag, check_float32


@torch.no_grad()
def text_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    visual_key: torch.Tensor,
    *,
    multiplicity: torch.Tensor,
    out: torch.Tensor,
    not_finite: torch.Tensor | None = None,
    backend: str = "auto",
) -> None:
    """Add how much text rows attend to each other in one layer to a running sum, in place.

    `out[r, c] += mean_h p[h, r, c]`, with the softmax of joint attention,
    `p = softmax(query · [key ; visual_key]ᵀ / √d + [log multiplicity ; 0])`. A text key counts `multiplicity` times,
    and its column is what all its copies get together. What a row of `p` lacks to 1 goes to the visual tokens, and to
    keys beyond `out`. Sums are in fp32 (fp64 for fp64) and in a fixed order, so a repeated call gives the same bits.

    Args:
        query: queries of the text rows, `[heads, keys, head dim]`, any strides; fp32, fp16, bf16, or fp64 with the
            reference.
        key: keys of the text rows, like `query`.
        visual_key: keys of the visual tokens, `[heads, visual tokens, head dim]`, same dtype.
        multiplicity: fp32 `[keys]`, the number of equal rows that each text row represents; 0 ignores a key.
        out: fp32 `[concepts, concepts]`, the running sum of the first `concepts ≤ keys` rows and keys.
        not_finite: int32 scalar, set to 1 if a row of `p` is not finite.
        backend: `"auto"`, `"triton"` or `"reference"`.

    Raises:
        ValueError, TypeError: shapes, dtypes or devices that do not agree, or a backend that cannot run here.
    """
    check_features(query=query, key=key, visual_key=visual_key)
    if key.shape != query.shape:
        raise ValueError(f"key has shape {list(key.shape)} but query has {list(query.shape)}; they must be equal")
    keys = query.shape[1]
    check_float32("multiplicity", multiplicity, (keys,), query)
    check_float32("out", out, (None, len(out)), query)
    if len(out) > keys:
        raise ValueError(f"out has room for {len(out)} concepts but there are {keys} text keys; make it smaller")
    check_flag(not_finite, query)
    _text_attention(query, key, visual_key, multiplicity, out, not_finite, backend)


@torch.library.custom_op("imap_kernels::text_attention", mutates_args=("out", "not_finite"))
def _text_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    visual_key: torch.Tensor,
    multiplicity: torch.Tensor,
    out: torch.Tensor,
    not_finite: torch.Tensor | None,
    backend: str,
) -> None:
    implementation("text_attention", backend, query)(query, key, visual_key, multiplicity, out, not_finite)


@_text_attention.register_fake
def _(
    query: torch.Tensor,
    key: torch.Tensor,
    visual_key: torch.Tensor,
    multiplicity: torch.Tensor,
    out: torch.Tensor,
    not_finite: torch.Tensor | None,
    backend: str,
) -> None:
    pass

"""Concept attention: concept rows attend to concept rows and visual tokens (docs/method.md, "Text keys")."""

import torch

from imap_kernels.backend import implementation
from imap_kernels.checks import check_features, check_float32
from imap_kernels.heads import empty_rows


@torch.no_grad()
def concept_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    visual_key: torch.Tensor,
    visual_value: torch.Tensor,
    *,
    multiplicity: torch.Tensor,
    backend: str = "auto",
) -> torch.Tensor:
    """Compute the attention of concept rows over `[concept rows ; visual rows]` (docs/method.md, "Exact shortcuts").

    `softmax(query · [key ; visual_key]ᵀ / √d + [log multiplicity ; 0]) · [value ; visual_value]`. With the
    bias, concept row `c` counts `multiplicity[c]` times, so one row can represent all padding. Sums are in fp32 (fp64
    for fp64). No gradient is recorded.

    Args:
        query: queries of the concept rows, `[heads, keys, head dim]`, any strides; fp32, fp16, bf16, or fp64 with the
            reference.
        key: keys of the concept rows, like `query`.
        value: values of the concept rows, like `query`.
        visual_key: keys of the visual tokens, `[heads, visual tokens, head dim]`, same dtype.
        visual_value: values of the visual tokens, like `visual_key`.
        multiplicity: fp32 `[keys]`, the number of equal rows that each concept row represents; 0 ignores a row.
        backend: `"auto"`, `"triton"` or `"reference"`.

    Returns:
        `[heads, keys, head dim]` in the dtype of `query`. The heads of a row are adjacent in memory.

    Raises:
        ValueError, TypeError: shapes, dtypes or devices that do not agree, or a backend that cannot run here.
    """
    check_features(query=query, key=key, value=value, visual_key=visual_key, visual_value=visual_value)
    for name, rows, other, expected in (
        ("key", key, "query", query),
        ("value", value, "query", query),
        ("visual_value", visual_value, "visual_key", visual_key),
    ):
        if rows.shape != expected.shape:
            raise ValueError(
                f"{name} has shape {list(rows.shape)} but {other} has {list(expected.shape)}; they must be equal"
            )
    check_float32("multiplicity", multiplicity, (query.shape[1],), query)
    return _concept_attention(query, key, value, visual_key, visual_value, multiplicity, backend)


@torch.library.custom_op("imap_kernels::concept_attention", mutates_args=())
def _concept_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    visual_key: torch.Tensor,
    visual_value: torch.Tensor,
    multiplicity: torch.Tensor,
    backend: str,
) -> torch.Tensor:
    return implementation("concept_attention", backend, query)(
        query, key, value, visual_key, visual_value, multiplicity
    )


@_concept_attention.register_fake
def _(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    visual_key: torch.Tensor,
    visual_value: torch.Tensor,
    multiplicity: torch.Tensor,
    backend: str,
) -> torch.Tensor:
    return empty_rows(query)

"""Concept attention: the concept stream's rows attend to themselves and to the visual tokens (METHOD, "Text keys")."""

import torch

from imap_kernels.backend import implementation
from imap_kernels.checks import check_features, check_float32


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
    """Attention of the concept rows over `[concept rows ; visual rows]` (METHOD, "Text keys" and facts 1 and 2).

    `softmax(query · [key ; visual_key]ᵀ / √d + [log multiplicity ; 0]) · [value ; visual_value]`: the bias counts
    concept row `c` `multiplicity[c]` times, so that one padding row stands for all. Accumulated in fp32 (fp64 for
    fp64); no gradient is kept.

    Args:
        query: of the concept rows, `[heads, keys, head dim]`, any strides; fp32, fp16, bf16, or fp64 for the
            reference.
        key: of the concept rows, like `query`.
        value: of the concept rows, like `query`.
        visual_key: of the visual tokens, `[heads, visual tokens, head dim]`, same dtype.
        visual_value: of the visual tokens, like `visual_key`.
        multiplicity: fp32 `[keys]`, how many equal rows each concept row stands for; 0 leaves a row out.
        backend: `"auto"`, `"triton"` or `"reference"`.

    Returns:
        `[heads, keys, head dim]` in the dtype of `query`.

    Raises:
        ValueError, TypeError: shapes, dtypes or devices that do not fit, or a backend that cannot run here.
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
    return implementation("concept_attention", backend, query).concept_attention(
        query, key, value, visual_key, visual_value, multiplicity
    )


@_concept_attention.register_fake
def _(query, key, value, visual_key, visual_value, multiplicity, backend) -> torch.Tensor:
    return query.new_empty(query.shape)

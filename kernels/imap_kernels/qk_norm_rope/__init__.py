"""QK norm and RoPE of the queries and keys of a layer, in place."""

import torch

from imap_kernels.backend import implementation
from imap_kernels.checks import FEATURE_DTYPES, check_device, check_float32


@torch.no_grad()
def qk_norm_rope(
    query: torch.Tensor,
    key: torch.Tensor,
    *,
    query_norm: tuple[torch.Tensor, torch.Tensor],
    key_norm: tuple[torch.Tensor, torch.Tensor],
    eps: float,
    rotary: tuple[torch.Tensor, torch.Tensor] | None = None,
    text: int = 0,
    backend: str = "auto",
) -> None:
    """Normalize the rows of `query` and `key` over the head dim, and rotate the visual rows, in place.

    `y = (x − mean x) / √(var x + eps) · weight + bias`, as in `torch.nn.LayerNorm`. The rows after the `text` rows also
    get the rotary position embedding over neighbouring pairs, as in diffusers (Su et al. 2021, equation 34):
    `z[2i] = y[2i] · cos[2i] − y[2i+1] · sin[2i]`, `z[2i+1] = y[2i+1] · cos[2i+1] + y[2i] · sin[2i+1]`. Everything is
    computed in fp32 (fp64 for fp64) and rounded once.

    Args:
        query: `[batch, heads, text + tokens, head dim]`, any strides; fp32, fp16, bf16, or fp64 with the reference;
            overwritten.
        key: like `query`.
        query_norm: weight and bias `[head dim]`, fp32, fp16, bf16 or fp64.
        key_norm: like `query_norm`, for `key`.
        eps: the number that is added to the variance.
        rotary: cosines and sines, fp32 `[tokens, head dim]` each. None: no rotation.
        text: the number of text rows in front, which are not rotated.
        backend: `"auto"`, `"triton"` or `"reference"`.

    Raises:
        ValueError, TypeError: shapes, dtypes or devices that do not agree, or a backend that cannot run here.
    """
    if query.dim() != 4 or 0 in query.shape or key.shape != query.shape:
        raise ValueError(
            f"query has shape {list(query.shape)} and key {list(key.shape)}; pass both as one "
            "[batch, heads, rows, head dim] without empty dimensions"
        )
    rows, dim = query.shape[2:]
    if dim % 2:
        raise ValueError(f"query has a head dim of {dim}; it must be even, because RoPE rotates pairs")
    for name, tensor in (("query", query), ("key", key)):
        if tensor.dtype not in FEATURE_DTYPES or tensor.dtype != query.dtype:
            raise TypeError(f"{name} is {tensor.dtype}; cast both to float64, float32, float16 or bfloat16")
        check_device(name, tensor, "query", query)
    for name, norm in (("query_norm", query_norm), ("key_norm", key_norm)):
        for vector in norm:
            if vector.shape != (dim,):
                raise ValueError(f"{name} has shape {list(vector.shape)}; weight and bias are [{dim}], the head dim")
            check_device(name, vector, "query", query)
    if not 0 <= text <= rows:
        raise ValueError(f"text is {text}, but there are {rows} rows; give the number of text rows, 0 to {rows}")
    cosine, sine = rotary if rotary is not None else (None, None)
    for name, table in (("cosine", cosine), ("sine", sine)):
        if table is not None:
            check_float32(name, table, (rows - text, dim), query)
    _qk_norm_rope(query, key, *query_norm, *key_norm, eps, cosine, sine, text, backend)


@torch.library.custom_op("imap_kernels::qk_norm_rope", mutates_args=("query", "key"))
def _qk_norm_rope(
    query: torch.Tensor,
    key: torch.Tensor,
    query_weight: torch.Tensor,
    query_bias: torch.Tensor,
    key_weight: torch.Tensor,
    key_bias: torch.Tensor,
    eps: float,
    cosine: torch.Tensor | None,
    sine: torch.Tensor | None,
    text: int,
    backend: str,
) -> None:
    rotary = None if cosine is None else (cosine, sine)
    norms = (query_weight, query_bias), (key_weight, key_bias)
    implementation("qk_norm_rope", backend, query)(query, key, *norms, eps, rotary, text)


@_qk_norm_rope.register_fake
def _(
    query: torch.Tensor,
    key: torch.Tensor,
    query_weight: torch.Tensor,
    query_bias: torch.Tensor,
    key_weight: torch.Tensor,
    key_bias: torch.Tensor,
    eps: float,
    cosine: torch.Tensor | None,
    sine: torch.Tensor | None,
    text: int,
    backend: str,
) -> None:
    pass

"""Head similarity: inner products of text rows and visual features, summed over heads (docs/method.md, "Baselines")."""

import torch

from imap_kernels.backend import implementation
from imap_kernels.checks import check_features, check_flag, check_float32, check_unit_length
from imap_kernels.normalize import check_normalize


@torch.no_grad()
def head_similarity(
    rows: torch.Tensor,
    features: torch.Tensor,
    *,
    multiplicity: torch.Tensor,
    out: torch.Tensor,
    scale: float,
    normalize: str = "none",
    unit_length: torch.Tensor | None = None,
    not_finite: torch.Tensor | None = None,
    backend: str = "auto",
) -> None:
    """Add the baseline map of one layer to the running map, in place (docs/method.md, "Baselines").

    `out[c, n] += normalize_c(scale · Σ_h rows[h, c] · features[h, n])`. Sums are in fp32 (fp64 for fp64).

    - Cross-attention: `rows` are text keys, `features` are visual queries, and `scale` is one over the number of heads.
    - ConceptAttention (arXiv 2502.04320): `rows` are the attention output of the concepts, `features` that of the
      visual tokens, and `scale` is 1.
    - Regions: `rows` are from `region_rows`. A row of `unit_length` is multiplied with `features / ‖features‖`, where a
      feature of zeros stays zero. A `scale` of one over the number of heads then gives the mean of the cosines.

    Args:
        rows: `[heads, keys, head dim]`, any strides; fp32, fp16, bf16, or fp64 with the reference.
        features: `[heads, visual tokens, head dim]`, same dtype.
        multiplicity: fp32 `[keys]`, the number of equal text keys that each one represents in the softmax.
        out: fp32 `[concepts, visual tokens]`, the running map of the first `concepts ≤ keys` keys.
        scale: the factor of the sum over heads.
        normalize: `"none"`, or `"softmax"` over the text keys of this layer's map.
        unit_length: int32 or bool `[keys]`, the keys whose features are scaled to unit length. None: none of them.
        not_finite: int32 scalar, set to 1 if a row, a feature or a sum is not finite.
        backend: `"auto"`, `"triton"` or `"reference"`.

    Raises:
        ValueError, TypeError: shapes, dtypes or devices that do not agree, or a backend that cannot run here.
    """
    check_features(rows=rows, features=features)
    keys = rows.shape[1]
    check_float32("multiplicity", multiplicity, (keys,), features)
    check_float32("out", out, (None, features.shape[1]), features)
    if len(out) > keys:
        raise ValueError(f"out has room for {len(out)} concepts but there are {keys} text keys; make it smaller")
    check_normalize(normalize)
    check_unit_length(unit_length, keys, features)
    check_flag(not_finite, features)
    _head_similarity(rows, features, multiplicity, out, scale, normalize, unit_length, not_finite, backend)


@torch.library.custom_op("imap_kernels::head_similarity", mutates_args=("out", "not_finite"))
def _head_similarity(
    rows: torch.Tensor,
    features: torch.Tensor,
    multiplicity: torch.Tensor,
    out: torch.Tensor,
    scale: float,
    normalize: str,
    unit_length: torch.Tensor | None,
    not_finite: torch.Tensor | None,
    backend: str,
) -> None:
    implementation("head_similarity", backend, features)(
        rows, features, multiplicity, out, scale, normalize, unit_length, not_finite
    )


@_head_similarity.register_fake
def _(
    rows: torch.Tensor,
    features: torch.Tensor,
    multiplicity: torch.Tensor,
    out: torch.Tensor,
    scale: float,
    normalize: str,
    unit_length: torch.Tensor | None,
    not_finite: torch.Tensor | None,
    backend: str,
) -> None:
    pass

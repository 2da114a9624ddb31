"""GramCol: the Gram columns of text-surrogate tokens, and their contrast (docs/method.md, "GramCol")."""

import torch

from imap_kernels.backend import implementation
from imap_kernels.checks import check_features, check_float32, check_frames, check_surrogates, check_unit_length
from imap_kernels.normalize import check_normalize


@torch.no_grad()
def gram_column(
    features: torch.Tensor,
    surrogates: torch.Tensor,
    *,
    multiplicity: torch.Tensor,
    head_weights: torch.Tensor,
    out: torch.Tensor,
    normalize: str = "none",
    region_rows: torch.Tensor | None = None,
    unit_length: torch.Tensor | None = None,
    region_out: torch.Tensor | None = None,
    backend: str = "auto",
) -> None:
    """Add the maps of one layer to the running maps, in place.

    See docs/method.md, "GramCol", "Contrast" and "Maps of a layer". `g[h, c, f, p] = s[h, c, f] · o[h, f, p]`, with the
    text-surrogate token `s[h, c, f] = o[h, f, i*[h, c, f]]` or a soft one, then `z = (g - mean_c g) / (std_c g + 1e-6)`
    over the text keys (unbiased std, key `c` counted `multiplicity[c]` times), then `out[m, c] += normalize_c(Σ_h
    head_weights[m, h] · z[h, c])`. Sums are in fp32 (fp64 for fp64) and in a fixed order, so a repeated call gives the
    same bits.

    With regions, the same pass over the features also adds their maps, of all heads whatever the weights:
    `region_out[r, n] += Σ_h region_rows[h, r] · o[h, n]`, over `‖o[h, n]‖` for a region of `unit_length`. A feature of
    zeros adds zero. Regions do not change the other maps.

    Args:
        features: attention output `[heads, frames · patches, head dim]`, frame-major, any strides; fp32, fp16, bf16,
            or fp64 with the reference.
        surrogates: int64 `[heads, keys, frames]`, the patches `i*` from `qk_match`. Or soft ones, `[heads, keys,
            frames, head dim]` in the dtype of the features, from `soft_surrogates`; `frames` is 1 if a key has one
            surrogate for the clip.
        multiplicity: fp32 `[keys]`, the number of equal text keys that each one represents; 0 ignores a key.
        head_weights: fp32 `[maps, heads]` for one map or two. A row of ones gives `gramcol`, and a row of `1/k` at the
            motion heads gives `imap`. A head of weight 0 adds nothing to that map, even if it has NaN.
        out: fp32 `[maps, concepts, frames · patches]`, the running maps of the first `concepts ≤ keys` keys.
        normalize: `"none"`, or `"softmax"` over the text keys of this layer's maps.
        region_rows: `[heads, regions, head dim]` in the dtype of the features, from `region_rows`. None: no regions.
        unit_length: int32 or bool `[regions]`, the regions that are matched with features of unit length.
        region_out: fp32 `[regions, frames · patches]`, the running maps of the regions.
        backend: `"auto"`, `"triton"` or `"reference"`.

    Raises:
        ValueError, TypeError: shapes, dtypes or devices that do not agree, or a backend that cannot run here.
    """
    heads, _ = check_features(features=features)
    keys, frames = check_surrogates(surrogates, features)
    check_frames("features", features, frames)
    check_float32("multiplicity", multiplicity, (keys,), features)
    check_float32("head_weights", head_weights, (None, heads), features)
    if len(head_weights) not in (1, 2):
        raise ValueError(f"head_weights has rows for {len(head_weights)} maps; pass one row or two")
    check_float32("out", out, (len(head_weights), None, features.shape[1]), features)
    if out.shape[1] > keys:
        raise ValueError(f"out has room for {out.shape[1]} concepts but there are {keys} text keys; make it smaller")
    check_normalize(normalize)
    check_region_maps(region_rows, unit_length, region_out, features)
    _gram_column(
        features,
        surrogates,
        multiplicity,
        head_weights,
        out,
        normalize,
        region_rows,
        unit_length,
        region_out,
        backend,
    )


def check_region_maps(
    region_rows: torch.Tensor | None,
    unit_length: torch.Tensor | None,
    region_out: torch.Tensor | None,
    features: torch.Tensor,
) -> None:
    """Check that the optional regions are complete and fit the features."""
    if region_rows is None and unit_length is None and region_out is None:
        return
    if region_rows is None or unit_length is None or region_out is None:
        raise ValueError("regions are incomplete; pass region_rows, unit_length and region_out together")
    check_features(features=features, region_rows=region_rows)
    regions = region_rows.shape[1]
    check_unit_length(unit_length, regions, features)
    check_float32("region_out", region_out, (regions, features.shape[1]), features)


@torch.library.custom_op("imap_kernels::gram_column", mutates_args=("out", "region_out"))
def _gram_column(
    features: torch.Tensor,
    surrogates: torch.Tensor,
    multiplicity: torch.Tensor,
    head_weights: torch.Tensor,
    out: torch.Tensor,
    normalize: str,
    region_rows: torch.Tensor | None,
    unit_length: torch.Tensor | None,
    region_out: torch.Tensor | None,
    backend: str,
) -> None:
    implementation("gram_column", backend, features)(
        features, surrogates, multiplicity, head_weights, out, normalize, region_rows, unit_length, region_out
    )


@_gram_column.register_fake
def _(
    features: torch.Tensor,
    surrogates: torch.Tensor,
    multiplicity: torch.Tensor,
    head_weights: torch.Tensor,
    out: torch.Tensor,
    normalize: str,
    region_rows: torch.Tensor | None,
    unit_length: torch.Tensor | None,
    region_out: torch.Tensor | None,
    backend: str,
) -> None:
    pass

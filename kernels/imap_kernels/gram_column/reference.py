"""GramCol and its contrast over the text keys, as their equations."""

import torch

from imap_kernels.heads import each_head
from imap_kernels.normalize import normalize_keys
from imap_kernels.precision import accumulation_dtype
from imap_kernels.unit_length import products


def gram_column(
    features: torch.Tensor,
    surrogates: torch.Tensor,
    multiplicity: torch.Tensor,
    head_weights: torch.Tensor,
    out: torch.Tensor,
    normalize: str,
    region_rows: torch.Tensor | None = None,
    unit_length: torch.Tensor | None = None,
    region_out: torch.Tensor | None = None,
) -> None:
    """Add the weighted contrast of one layer to `out`, head by head. Weight 0 adds nothing, even for NaN."""
    if region_rows is not None and region_out is not None:
        add_regions(region_rows, features, unit_length, region_out)
    heads, keys, frames = surrogates.shape[:3]
    dtype = accumulation_dtype(features.dtype)
    features = features.unflatten(1, (frames, -1))
    if surrogates.dim() == 3:  # the patches i*
        head, frame = (torch.arange(count, device=out.device) for count in (heads, frames))
        surrogates = features[head[:, None, None], frame[:, None], surrogates.transpose(1, 2)]
    else:
        surrogates = surrogates.transpose(1, 2)
    surrogates = surrogates.to(dtype)
    # The weights of the mean and of the unbiased variance. The deviation of a single text key is zero, and the clamp
    # keeps its variance zero.
    multiplicity = multiplicity.to(dtype)
    total = multiplicity.sum()
    share, spread = multiplicity / total, multiplicity / (total - 1).clamp(min=1)
    deviations = deviation(surrogates, share)
    maps = out.new_zeros(len(head_weights), frames, keys, features.shape[2], dtype=dtype)
    weights = head_weights.T[..., None, None, None]
    for surrogate, feature, weight in zip(deviations, each_head(features), weights, strict=True):
        maps += (weight * contrast(surrogate, feature, spread)).masked_fill_(weight == 0, 0.0)
    maps = maps.transpose(1, 2).flatten(2)
    out += normalize_keys(maps, multiplicity, normalize)[:, : out.shape[1]]


def add_regions(
    rows: torch.Tensor, features: torch.Tensor, unit_length: torch.Tensor | None, out: torch.Tensor
) -> None:
    """Add `Σ_h rows[h, r] · o[h, n]` to `out`, with unit features for the regions of `unit_length`, head by head."""
    dtype = accumulation_dtype(features.dtype)
    maps = out.new_zeros(out.shape, dtype=dtype)
    for row, feature in zip(rows.to(dtype), each_head(features), strict=True):
        maps += products(row, feature, unit_length)
    out += maps


def deviation(surrogates: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Subtract from the surrogates `s[c, f]`, `[heads, frames, keys, head dim]`, their mean over the text keys.

    `share [keys]` is the weight of each key in the mean. `g[c, f, p] = s[c, f] · o[f, p]` is linear in the
    surrogates, so `g - mean g` follows from their deviations. Surrogates are first taken relative to the one of the
    first key, so that equal keys give a contrast of exactly zero, without rounding errors.
    """
    surrogates = surrogates - surrogates[:, :, :1]
    return surrogates - (share @ surrogates)[:, :, None]


def contrast(deviation: torch.Tensor, feature: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """Compute `z = (g - mean g) / (std g + 1e-6)` of one head over the text keys (docs/method.md, "Contrast").

    Args:
        deviation: the surrogates minus their mean, `[frames, keys, head dim]`.
        feature: `o[f, p]`, `[frames, patches, head dim]`.
        spread: `[keys]`, the weight of the squared deviation of each key in the variance.

    Returns:
        `[frames, keys, patches]`.
    """
    difference = torch.bmm(deviation, feature.mT)
    variance = (difference.square() * spread[:, None]).sum(1, keepdim=True)
    return difference / (variance.sqrt() + 1e-6)

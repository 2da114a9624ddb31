"""GramCol and its contrast over the text keys as their equations."""

import torch

from imap_kernels.normalize import normalize_keys


def gram_column(
    features: torch.Tensor,
    surrogate_index: torch.Tensor,
    multiplicity: torch.Tensor,
    head_weights: torch.Tensor,
    out: torch.Tensor,
    normalize: str,
) -> None:
    """Add the head-weighted contrast of one layer to `out`, head by head; weight 0 adds nothing, not even a NaN."""
    frames = surrogate_index.shape[2]
    frame = torch.arange(frames, device=features.device)[:, None]
    # Of a weighted mean, and of an unbiased variance. A single text key has nothing to contrast with: its deviation is
    # zero, and the clamp keeps its variance so.
    total = multiplicity.sum()
    share, spread = multiplicity / total, multiplicity / (total - 1).clamp(min=1)
    maps = out.new_zeros(len(head_weights), frames, len(multiplicity), features.shape[1] // frames)
    for feature, index, weight in zip(features, surrogate_index, head_weights.T[..., None, None, None], strict=True):
        feature = feature.float().unflatten(0, (frames, -1))
        maps += torch.where(weight == 0, 0.0, weight * contrast(feature[frame, index.T], feature, share, spread))
    maps = maps.transpose(1, 2).flatten(2)
    out += normalize_keys(maps, multiplicity, normalize)[:, : out.shape[1]]


def contrast(surrogate: torch.Tensor, feature: torch.Tensor, share: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """`z = (g - mean g) / (std g + 1e-6)` of one head over the text keys (METHOD steps 1 to 3).

    Args:
        surrogate: `o[f, i*[c, f]]`, `[frames, keys, head dim]`.
        feature: `o[f, p]`, `[frames, patches, head dim]`.
        share: `[keys]`, a key's weight in the mean.
        spread: `[keys]`, and of its squared deviation in the variance.

    Returns:
        `[frames, keys, patches]`.

    `g[c, f, p] = o[f, i*[c, f]] · o[f, p]` is linear in the surrogates, so `g - mean g` is made from those, less their
    mean. They are measured from the first key's, so that equal keys contrast to exactly zero, not to their rounding.
    """
    deviation = surrogate - surrogate[:, :1]
    deviation = (deviation - (share @ deviation)[:, None]) @ feature.transpose(1, 2)
    return deviation / ((spread @ deviation.square()).sqrt() + 1e-6)[:, None]

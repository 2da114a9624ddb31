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
    maps = out.new_zeros(len(head_weights), len(multiplicity), features.shape[1])
    for feature, index, weight in zip(features, surrogate_index, head_weights.T, strict=True):
        z = contrast(columns(feature.float(), index), multiplicity)
        maps += torch.where(weight[:, None, None] == 0, 0.0, weight[:, None, None] * z)
    out += normalize_keys(maps, multiplicity, normalize)[:, : out.shape[1]]


def columns(features: torch.Tensor, surrogate_index: torch.Tensor) -> torch.Tensor:
    """`g[c, f, p] = o[f, i*[c, f]] · o[f, p]` of one head (METHOD steps 1 and 2), as `[keys, frames · patches]`."""
    frames = surrogate_index.shape[1]
    features = features.unflatten(0, (frames, -1))
    surrogate = features[torch.arange(frames, device=features.device), surrogate_index]
    return torch.einsum("kfd,fpd->kfp", surrogate, features).flatten(1)


def contrast(column: torch.Tensor, multiplicity: torch.Tensor) -> torch.Tensor:
    """`z = (g - mean g) / (std g + 1e-6)` over the text keys, key `c` counted `multiplicity[c]` times (METHOD step 3).

    `g` is measured from its first key, so that keys with equal columns contrast to exactly zero, not to their rounding.
    """
    count = multiplicity[:, None]
    deviation = column - column[:1]
    deviation = deviation - (count * deviation).sum(0) / count.sum()
    # A single text key has nothing to contrast with: its deviation is zero, and the clamp keeps its variance so.
    variance = (count * deviation.square()).sum(0) / (count.sum() - 1).clamp(min=1)
    return deviation / (variance.sqrt() + 1e-6)

"""The normalization of the maps of a layer before they are added to the running maps."""

import torch

NORMALIZATIONS = ("none", "softmax")


def check_normalize(normalize: str) -> None:
    """Raise ValueError unless `normalize` is a known normalization."""
    if normalize not in NORMALIZATIONS:
        raise ValueError(f"normalize is {normalize!r}; choose one of {', '.join(map(repr, NORMALIZATIONS))}")


def normalize_keys(maps: torch.Tensor, multiplicity: torch.Tensor, normalize: str) -> torch.Tensor:
    """Normalize maps over the text keys. `"softmax"` is `exp(x[k]) / Σ_j multiplicity[j] · exp(x[j])`.

    Args:
        maps: `[..., keys, tokens]`, fp32 or fp64.
        multiplicity: fp32 `[keys]`, the number of equal text keys that each one represents.
        normalize: `"none"`, which returns the same maps, or `"softmax"`.
    """
    if normalize == "none":
        return maps
    weight = (maps - maps.amax(dim=-2, keepdim=True)).exp()
    return weight / (multiplicity[:, None] * weight).sum(dim=-2, keepdim=True)

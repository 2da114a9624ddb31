"""QK-matching as its equation."""

import torch

from imap_kernels.finite import note_not_finite
from imap_kernels.heads import each_head
from imap_kernels.precision import accumulation_dtype


def qk_match(query: torch.Tensor, key: torch.Tensor, frames: int, not_finite: torch.Tensor | None) -> torch.Tensor:
    """Compute `i*[h, c, f] = argmax_p query[h, f, p] · key[h, c]`, head by head."""
    queries, keys = each_head(query.unflatten(1, (frames, -1))), key.to(accumulation_dtype(key.dtype))
    return torch.stack([peaks(q, k, not_finite) for q, k in zip(queries, keys, strict=True)])


def peaks(query: torch.Tensor, key: torch.Tensor, not_finite: torch.Tensor | None) -> torch.Tensor:
    """Compute `argmax_p query[f, p] · key[c]` of one head, `[keys, frames]`."""
    products = key @ query.mT
    note_not_finite(not_finite, products)
    return products.argmax(2).T

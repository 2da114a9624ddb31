"""QK-matching as its equation."""

import torch


def qk_match(query: torch.Tensor, key: torch.Tensor, frames: int) -> torch.Tensor:
    """`i*[h, c, f] = argmax_p query[h, f, p] · key[h, c]`, head by head; `torch.argmax` gives the first maximum."""
    query = query.unflatten(1, (frames, -1))
    return torch.stack([(q.float() @ k.float().T).argmax(1).T for q, k in zip(query, key, strict=True)])

"""QK-matching as its equation."""

import torch

from imap_kernels.heads import each_in_fp32


def qk_match(query: torch.Tensor, key: torch.Tensor, frames: int) -> torch.Tensor:
    """`i*[h, c, f] = argmax_p key[h, c] · query[h, f, p]`, head by head; `torch.argmax` gives the first maximum."""
    queries = each_in_fp32(query.unflatten(1, (frames, -1)))
    return torch.stack([(k @ q.mT).argmax(2).T for q, k in zip(queries, key.float(), strict=True)])

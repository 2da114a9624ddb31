"""Heads a few at a time: the references take as many as fit a small memory, so that small models need few calls."""

from collections.abc import Iterator

import torch

from imap_kernels.precision import accumulation_dtype

ELEMENTS = 2**20  # of one tensor, 4 MiB in fp32


def few_heads(rows: torch.Tensor, *, like: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """`rows [heads, ...]`, one head at a time or as many as `like [heads, ...]` has in `ELEMENTS`."""
    return rows.split(max(1, ELEMENTS // max(1, like[0].numel())))


def each_head(rows: torch.Tensor) -> Iterator[torch.Tensor]:
    """One head of `rows [heads, ...]` after the other in the accumulation dtype, to be read before the next.

    All lie in the same memory. Were each given memory of its own, the process would keep that of many.
    """
    dtype = accumulation_dtype(rows.dtype)
    memory = rows[0] if rows.dtype == dtype else torch.empty_like(rows[0], dtype=dtype)
    for head in rows:
        yield head if rows.dtype == dtype else memory.copy_(head)

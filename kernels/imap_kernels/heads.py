"""Heads a few at a time: the references take as many as fit a small memory, so that small models need few calls."""

from collections.abc import Iterator

import torch

ELEMENTS = 2**20  # of one tensor, 4 MiB in fp32


def few_heads(rows: torch.Tensor, *, like: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """`rows [heads, ...]`, one head at a time or as many as `like [heads, ...]` has in `ELEMENTS`."""
    return rows.split(max(1, ELEMENTS // max(1, like[0].numel())))


def each_in_fp32(rows: torch.Tensor) -> Iterator[torch.Tensor]:
    """One head of `rows [heads, ...]` after the other in fp32, to be read before the next: all lie in the same memory.

    Were each given memory of its own, the process would keep that of many.
    """
    memory = rows[0] if rows.dtype == torch.float32 else torch.empty_like(rows[0], dtype=torch.float32)
    for head in rows:
        yield head if rows.dtype == torch.float32 else memory.copy_(head)

"""Heads a few at a time: the references take as many as fit a small memory, so that small models need few calls."""

import torch

ELEMENTS = 2**20  # of one tensor, 4 MiB in fp32


def few_heads(rows: torch.Tensor, *, like: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """`rows [heads, ...]`, one head at a time or as many as `like [heads, ...]` has in `ELEMENTS`."""
    return rows.split(max(1, ELEMENTS // max(1, like[0].numel())))

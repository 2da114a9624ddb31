"""Heads a few at a time: the references take as many as fit a small memory, so that small models need few calls."""

from collections.abc import Iterator

import torch

ELEMENTS = 2**20  # of one tensor, 4 MiB in fp32


def few_heads(rows: torch.Tensor, *, like: torch.Tensor) -> Iterator[torch.Tensor]:
    """`rows [heads, ...]` in fp32, one head at a time or as many as `like [heads, ...]` has in `ELEMENTS`."""
    at_once = max(1, ELEMENTS // max(1, like[0].numel()))
    return (heads.float() for heads in rows.split(at_once))

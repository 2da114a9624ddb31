"""Iteration over heads, and their layout. With a few heads at a time, the references need few calls on small models."""

from collections.abc import Iterator

import torch

from imap_kernels.precision import accumulation_dtype

ELEMENTS = 2**20
"""The largest number of elements in a part of several heads: 4 MiB in fp32."""


def few_heads(rows: torch.Tensor, *, like: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Split rows into parts of several heads: as many as fit into `ELEMENTS` elements of `like`, and at least one.

    Args:
        rows: `[heads, ...]`.
        like: `[heads, ...]`, for example the largest of several tensors that are split alike.
    """
    return rows.split(max(1, ELEMENTS // max(1, like[0].numel())))


def each_head(rows: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the heads of `rows [heads, ...]` in the accumulation dtype. A head is valid until the next one.

    All heads share one buffer. With a buffer for each head, the allocator would keep several of them.
    """
    dtype = accumulation_dtype(rows.dtype)
    memory = rows[0] if rows.dtype == dtype else torch.empty_like(rows[0], dtype=dtype)
    for head in rows:
        yield head if rows.dtype == dtype else memory.copy_(head)


def empty_rows(like: torch.Tensor, rows: int | None = None) -> torch.Tensor:
    """New rows `[heads, rows, head dim]` in the layout of the models: the heads of a row are adjacent.

    Args:
        like: `[heads, rows, head dim]`.
        rows: how many. None: as many as `like` has.
    """
    heads, as_many, dim = like.shape
    return like.new_empty(as_many if rows is None else rows, heads, dim).transpose(0, 1)

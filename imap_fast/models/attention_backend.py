"""The choice of another attention backend for the length of a trace."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from diffusers.models.attention_dispatch import (
    AttentionBackendName,
    _AttentionBackendRegistry,
    attention_backend,
    dispatch_attention_fn,
)

ATTENTION_BACKENDS = tuple(backend.value for backend in AttentionBackendName)


def active_backend() -> str:
    """The backend of attention processors without one of their own.

    `set_attention_backend` of any model changes it, and so do `DIFFUSERS_ATTN_BACKEND` and `chosen_attention`.
    """
    return AttentionBackendName(_AttentionBackendRegistry.get_active_backend()[0]).value


@contextmanager
def chosen_attention(name: str, *, head_dim: int, dtype: torch.dtype, device: torch.device) -> Iterator[None]:
    """Let the dispatcher of diffusers use a backend inside the `with` block.

    A call on two tokens shows whether the backend can run. If not, a warning says why, and the dispatcher is unchanged.

    Args:
        name: one of `ATTENTION_BACKENDS`.
        head_dim: of the attention of the model.
        dtype: of the queries.
        device: of the queries.
    """
    with ExitStack() as exits:
        try:
            with ExitStack() as attempt:
                attempt.enter_context(attention_backend(name))
                rows = torch.zeros(1, 2, 1, head_dim, dtype=dtype, device=device)
                dispatch_attention_fn(rows, rows, rows)
                exits.push(attempt.pop_all())
        except Exception as error:  # backends raise errors of their own packages
            message = f"attention_backend={name!r} cannot run here ({error}); diffusers' default is used instead"
            warnings.warn(message, stacklevel=1)  # attributed to this package, whose warnings the command line shows
        yield

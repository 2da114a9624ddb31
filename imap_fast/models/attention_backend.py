"""The attention call of a trace, where the user chooses another than the model's own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from diffusers.models.attention_dispatch import AttentionBackendName, attention_backend, dispatch_attention_fn

ATTENTION_BACKENDS = tuple(backend.value for backend in AttentionBackendName)


@contextmanager
def chosen_attention(name: str, *, head_dim: int, dtype: torch.dtype, device: torch.device) -> Iterator[None]:
    """Lets diffusers' dispatcher use the backend `name` inside the block.

    Where that cannot run, which a call on two tokens tells, a warning says why and the dispatcher stays as it is.

    Args:
        name: of `ATTENTION_BACKENDS`.
        head_dim: of the model's attention.
        dtype: of its queries.
        device: where they will be.
    """
    with ExitStack() as exits:
        try:
            with ExitStack() as attempt:
                attempt.enter_context(attention_backend(name))
                rows = torch.zeros(1, 2, 1, head_dim, dtype=dtype, device=device)
                dispatch_attention_fn(rows, rows, rows)
                exits.push(attempt.pop_all())
        except Exception as error:  # whatever the backend's own package raises
            told = f"attention_backend={name!r} cannot run here ({error}); diffusers' default is used instead"
            warnings.warn(told, stacklevel=1)  # from this package: the command line shows those
        yield

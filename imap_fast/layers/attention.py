"""The attention of every block, met as it is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from imap_fast.models.adapter import Adapter


class AttentionCalls(TorchFunctionMode):
    """Meets calls of torch's attention, and shows the first one of each block in which tokens attend to themselves.

    In CogVideoX and HunyuanVideo these are text and visual tokens together, in Wan the visual ones.

    Args:
        see: takes `(layer, query, key, **options)`, see `second_eigenvalues`.
    """

    def __init__(self, see: Callable[..., None]) -> None:
        super().__init__()
        self.see = see
        self._layer: int | None = None

    def block_begins(self, layer: int, *_: object) -> None:
        """Pre-hook of a block."""
        self._layer = layer

    def __torch_function__(self, func, types, args=(), kwargs=None) -> Any:
        if func is F.scaled_dot_product_attention and self._layer is not None:
            self._show(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _show(self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, **options: Any) -> None:
        if query.shape[-2] == key.shape[-2]:
            layer, self._layer = self._layer, None
            self.see(layer, query, key, attn_mask=attn_mask, **options)


@contextmanager
def shown_attention(adapter: Adapter, see: Callable[..., None]) -> Iterator[None]:
    """Shows each block's queries and keys to `see` as they enter the attention call; see `AttentionCalls`.

    Compiled models run uncompiled meanwhile.
    """
    calls = AttentionCalls(see)
    with ExitStack() as exits:
        for transformer in adapter.transformers:
            for layer, block in enumerate(getattr(transformer, adapter.block_lists[0])):
                exits.callback(block.register_forward_pre_hook(partial(calls.block_begins, layer)).remove)
        exits.enter_context(torch.compiler.set_stance("force_eager"))
        exits.enter_context(calls)
        yield

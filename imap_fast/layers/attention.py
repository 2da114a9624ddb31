"""Observes the attention calls of every block."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from imap_fast.models.adapter import Adapter


class AttentionObserver(TorchFunctionMode):
    """Observes the first self-attention call of each block.

    Its tokens are the text and visual ones in CogVideoX and HunyuanVideo, and the visual ones in Wan.

    Args:
        observe: called with `(layer, query, key, **options)`; see `second_eigenvalues`.
    """

    def __init__(self, observe: Callable[..., None]) -> None:
        super().__init__()
        self.observe = observe
        self._layer: int | None = None

    def block_begins(self, layer: int, *_: object) -> None:
        """Forward pre-hook of a block."""
        self._layer = layer

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Collection[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is F.scaled_dot_product_attention and self._layer is not None:
            self._observe_self_attention(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _observe_self_attention(
        self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, **options: Any
    ) -> None:
        if query.shape[-2] == key.shape[-2]:
            layer, self._layer = self._layer, None
            self.observe(layer, query, key, attn_mask=attn_mask, **options)


@contextmanager
def observed_attention(adapter: Adapter, observe: Callable[..., None]) -> Iterator[None]:
    """Call `observe` with the queries and keys of each block inside the `with` block; see `AttentionObserver`.

    Compiled models run uncompiled during that time.
    """
    observer = AttentionObserver(observe)
    with ExitStack() as exits:
        for transformer in adapter.transformers:
            for layer, block in enumerate(getattr(transformer, adapter.block_lists[0])):
                exits.callback(block.register_forward_pre_hook(partial(observer.block_begins, layer)).remove)
        exits.enter_context(torch.compiler.set_stance("force_eager"))
        exits.enter_context(observer)
        yield

"""The tapped blocks of a transformer: those that it has, in its order, with the processors that the trace put there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn

from imap_fast.models.tap import Tap, TappedAttention


class TappedBlocks:
    """The blocks of one transformer that are tapped inside the `with` of a trace.

    Args:
        tap: what the blocks share.
        transformer: has the blocks.
        blocks: name of its list of blocks.
        attention: name of the attention to read in a block.
        tapped_attention: makes the processor of a block.
    """

    def __init__(
        self,
        tap: Tap,
        transformer: Any,
        blocks: str,
        attention: str,
        tapped_attention: Callable[[Tap, int, nn.Module, nn.Module], TappedAttention],
    ) -> None:
        self.tap, self.transformer = tap, transformer
        self._blocks, self._attention, self._tapped_attention = blocks, attention, tapped_attention
        self._exits = ExitStack()

    @contextmanager
    def inserted(self) -> Iterator[None]:
        """Tap every block inside the `with`. At its end, each processor and hook is restored.

        Raises:
            RuntimeError: the model is already traced.
            TypeError: an attention processor is not a stock one.
        """
        with self._exits:
            self._exits.callback(self._restore_kept_processors)
            self.refresh()
            yield

    def _restore_kept_processors(self) -> None:
        """Restore the stock processors that a fusion inside the `with` keeps, to set them when it is undone."""
        kept = getattr(self.transformer, "original_attn_processors", None) or {}
        for name, processor in kept.items():
            kept[name] = processor.stock if isinstance(processor, TappedAttention) else processor

    def refresh(self) -> None:
        """Tap the blocks whose stock processor was set anew, for example by `fuse_qkv_projections`.

        Raises:
            RuntimeError: a block has moved.
            TypeError: an attention processor is not a stock one.
        """
        for layer, block in enumerate(getattr(self.transformer, self._blocks)):
            attention = getattr(block, self._attention)
            processor = attention.processor
            if not isinstance(processor, TappedAttention) or processor.tap is not self.tap:
                tapped = self._tapped_attention(self.tap, layer, block, attention)
                self._exits.enter_context(tapped.inserted())
            elif (processor.layer, processor.block, processor.attention) != (layer, block, attention):
                raise RuntimeError(
                    f"block {layer} is the block that the trace knows as {processor.layer}, so the maps would be of "
                    "other layers; open a new trace after blocks were moved"
                )

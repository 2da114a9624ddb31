"""A tap: attention processors that do the stock arithmetic and look at q, k, v and o on the way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from imap_fast.accumulate import TextRows
from imap_fast.models.stream import ConceptStream
from imap_fast.settings import Settings

if TYPE_CHECKING:
    from imap_fast.models.adapter import Forward


class Tap:
    """What the tapped blocks of one trace share: what is read, and the forward under way.

    Args:
        settings: of the trace.
        concepts: text embeddings `[C, D_text]` that a concept stream starts from, or None for no stream.
        read: takes `(layer, video, query, features, text, concepts)`, see `RunningMaps.add_layer`; None once the
            trace is over.

    Attributes:
        videos: the rows of the batch that are read in the forward under way; None outside one.
        forward: that forward. stream: its concept stream.
    """

    def __init__(self, settings: Settings, concepts: Tensor | None, read: Callable[..., None]) -> None:
        self.settings, self.concepts = settings, concepts
        self.read: Callable[..., None] | None = read
        self.videos: slice | None = None
        self.forward: Forward | None = None
        self.stream: ConceptStream | None = None

    def begin(self, videos: slice, forward: Forward) -> None:
        """A forward begins of which the batch rows `videos` are read."""
        self.videos, self.forward = videos, forward

    def end(self) -> None:
        """The forward is over; until the next `begin` no block is read."""
        self.videos = self.forward = self.stream = None

    def open_stream(self, like: Tensor) -> ConceptStream:
        """The stream of a forward before its first block, for each video of `like`, whose dtype and device it takes."""
        raise NotImplementedError(f"{type(self).__name__} has no concept stream")


class TappedAttention(ABC):
    """The attention processor of a tapped block.

    Args:
        tap: what it shares with the other blocks. layer: index of the block. block: of the transformer.
        attention: the block's attention, whose processor this stands in for.

    Raises:
        RuntimeError: the model is being traced already. TypeError: an attention processor that is not stock.
    """

    stock_processors: ClassVar[tuple[type, ...]]

    def __init__(self, tap: Tap, layer: int, block: nn.Module, attention: nn.Module) -> None:
        self.tap, self.layer, self.block, self.attention = tap, layer, block, attention
        self.stock = attention.processor
        if isinstance(self.stock, TappedAttention):
            raise RuntimeError("this transformer is being traced already; leave that `with` first")
        if type(self.stock) not in self.stock_processors:
            possible = " or ".join(processor.__name__ for processor in self.stock_processors)
            raise TypeError(
                f"the attention processor {type(self.stock).__name__} cannot be traced; set {possible} on each block"
            )

    @property
    def reads(self) -> bool:
        """Whether the forward under way is read, and this block is needed for it."""
        return self.tap.videos is not None and self.layer <= self.tap.settings.layers[-1]

    @contextmanager
    def inserted(self) -> Iterator[None]:
        """Stands in for the stock processor, and puts it back."""
        self.attention.processor = self
        try:
            yield
        finally:
            self.attention.processor = self.stock


class JointAttention(TappedAttention):
    """A block whose text and visual rows attend to each other, so that concepts may have a stream beside the prompt's.

    The stream passes its block in here: only inside the block's own forward are the weights sure to be on the device,
    however the model is offloaded.

    Attributes:
        stream_takes_output: whether concept rows take the output of their attention along, so that it is needed even
            where no map shows it.
        temb: the timestep embedding of the forward under way.
    """

    stream_takes_output: ClassVar[bool] = True
    temb: Tensor | None = None

    @contextmanager
    def inserted(self) -> Iterator[None]:
        hook = self.block.register_forward_pre_hook(self.keep_temb, with_kwargs=True)
        try:
            with super().inserted():
                yield
        finally:
            hook.remove()

    def keep_temb(self, block: nn.Module, args: tuple, kwargs: dict) -> None:
        """Pre-hook of the block: the timestep embedding modulates the concept stream as it does the prompt."""
        self.temb = kwargs["temb"] if "temb" in kwargs else args[2]

    @abstractmethod
    def enter(self, rows: Tensor) -> tuple[tuple[Tensor, Tensor, Tensor], object]:
        """The concept rows `[V, K, D]` up to attention: q, k, v `[V, A, K, d]`, and what `leave` needs of the norms."""

    @abstractmethod
    def leave(self, rows: Tensor, output: list[Tensor], modulation: object) -> Tensor:
        """The concept rows `[V, K, D]` behind the block, `output` `[A, K, d]` being each video's of their attention."""

    @torch.no_grad()
    def look(self, query: Tensor, key: Tensor, value: Tensor, output: Tensor, *, text: slice, visual: slice) -> None:
        """Takes the concept stream through this block and hands the layer, `[B, A, S, d]`, to the reader."""
        tap = self.tap
        query, key, value, output = (rows[tap.videos] for rows in (query, key, value, output))
        concepts = None
        if tap.concepts is not None:
            if self.layer == 0:
                tap.stream = tap.open_stream(value)
            concepts = tap.stream.advance(self, key[:, :, visual], value[:, :, visual], tap.settings)
        if self.layer not in tap.settings.layers:
            return
        for video in range(len(query)):
            prompt = TextRows(key[video, :, text], output[video, :, text], tap.forward.multiplicity)
            own = prompt if concepts is None else concepts[video]
            matched = own if tap.settings.match == "concepts" else prompt
            tap.read(self.layer, video, query[video, :, visual], output[video, :, visual], matched, own)

"""The tap: attention processors that compute what the stock ones do, and also pass q, k, v and o to a reader."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from imap_fast.models.concept_stream import ConceptStream
from imap_fast.models.forward import Forward
from imap_fast.models.text_rows import TextRows


@dataclass(frozen=True, kw_only=True)
class TapSettings:
    """How a tap reads a model; `imap_fast.trace` describes the values.

    Attributes:
        layers: the layers to read, ascending.
        match: whose text keys are matched.
        maps: names of the maps.
        backend: of the kernels.
        fast_attention: None leaves the choice to the device of the tensors.
        attention_backend: name in diffusers. None: that of the model.
    """

    layers: tuple[int, ...]
    match: str
    maps: tuple[str, ...]
    backend: str
    fast_attention: bool | None
    attention_backend: str | None


class LayerReader(Protocol):
    """Called once for each layer and video that is read; see `RunningMaps.add_layer`."""

    def __call__(
        self, layer: int, video: int, query: Tensor, features: Tensor, text: TextRows, concepts: TextRows
    ) -> None:
        """Read one layer of one video."""


class Tap:
    """What the tapped blocks of one trace share: the settings, and the forward pass that is running.

    Args:
        settings: how the model is read.
        concepts: text embeddings `[C, D_text]` that the concept stream starts from. None: no stream.
        read: called for each layer that is read. It is None after the trace.

    Attributes:
        videos: the rows of the batch that are read. None outside of a forward pass that is read.
        forward: that forward pass.
        stream: its concept stream.
    """

    def __init__(self, settings: TapSettings, concepts: Tensor | None, read: LayerReader) -> None:
        self.settings, self.concepts = settings, concepts
        self.read: LayerReader | None = read
        self.videos: slice | None = None
        self.forward: Forward | None = None
        self.stream: ConceptStream | None = None

    def begin(self, videos: slice, forward: Forward) -> None:
        """Start to read the batch rows `videos` of a forward pass."""
        self.videos, self.forward = videos, forward

    def end(self) -> None:
        """End the forward pass. No block is read until the next `begin`."""
        self.videos = self.forward = self.stream = None

    def new_stream(self, like: Tensor) -> ConceptStream:
        """The concept stream before the first block, for each video of `like`, with its dtype and device."""
        raise NotImplementedError(f"{type(self).__name__} has no concept stream")


class TappedAttention(ABC):
    """The attention processor of a tapped block.

    Args:
        tap: what the block shares with the others.
        layer: index of the block.
        block: of the transformer.
        attention: the attention of the block, whose processor is replaced.

    Raises:
        RuntimeError: the model is already traced.
        TypeError: the attention processor is not a stock one.
    """

    stock_processors: ClassVar[tuple[type, ...]]

    def __init__(self, tap: Tap, layer: int, block: nn.Module, attention: nn.Module) -> None:
        self.tap, self.layer, self.block = tap, layer, block
        # Any: the attention modules of diffusers have attributes that nn.Module does not declare.
        self.attention: Any = attention
        self.stock: Any = attention.processor
        if isinstance(self.stock, TappedAttention):
            raise RuntimeError("this transformer is already traced; leave that `with` first")
        if type(self.stock) not in self.stock_processors:
            possible = " or ".join(processor.__name__ for processor in self.stock_processors)
            raise TypeError(
                f"the attention processor {type(self.stock).__name__} cannot be traced; set {possible} on each block"
            )

    @abstractmethod
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The attention of the block, with the arguments and results of the stock processor."""

    @property
    def reads(self) -> bool:
        """Whether the running forward pass is read, and this block is needed for it."""
        return self.tap.videos is not None and self.layer <= self.tap.settings.layers[-1]

    @contextmanager
    def inserted(self) -> Iterator[None]:
        """Replace the stock processor inside the block of the `with`."""
        self.attention.processor = self
        try:
            yield
        finally:
            self.attention.processor = self.stock

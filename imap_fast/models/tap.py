"""The tap: attention processors that compute what the stock ones do, and also pass q, k, v and o to a reader."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from imap_fast.models.concept_stream import ConceptStream
from imap_fast.models.forward import Forward
from imap_fast.models.read_layer import ReadLayer

CAUSES = (
    "usual causes are a cache, a skipped layer, a block that was replaced or moved inside the `with`, and an attention "
    "processor that was set in the middle of a forward pass"
)

UNCOPIED = "a traced model cannot be copied; copy it before the trace"
"""The copy would keep the processors and hooks of the trace, or of a copy of it."""

STOCK_SETTINGS = ("_attention_backend", "_parallel_config")
"""What diffusers sets on the processor of each attention."""


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
        text_attention: whether the attention of text rows to each other is read.
    """

    layers: tuple[int, ...]
    match: str
    maps: tuple[str, ...]
    backend: str
    fast_attention: bool | None
    attention_backend: str | None
    text_attention: bool = False


LayerReader = Callable[[ReadLayer], None]
"""Called once for each layer and video that is read; see `RunningMaps.add_layer`."""


class Tap:
    """What the tapped blocks of one trace share: the settings, and the forward pass that is running.

    Args:
        settings: how the model is read.
        concepts: text embeddings `[C, D_text]` that the concept stream starts from. None: no stream.
        reader: called for each layer that is read.
        transformer: the one that is traced, or the first of several.

    In a forward pass that is read, every block up to the last layer read attends once, in order, and every layer gives
    each video to the reader once. `enter` and `read` count this, and `end` finds what is missing.

    Attributes:
        videos: the rows of the batch that are read. None outside of a forward pass that is read.
        stream: the concept stream of that forward pass.
    """

    def __init__(
        self, settings: TapSettings, concepts: Tensor | None, reader: LayerReader, transformer: nn.Module
    ) -> None:
        self.settings, self.concepts = settings, concepts
        # Any: transformers of diffusers have attributes that their base classes do not declare.
        self.transformer: Any = transformer
        self._reader: LayerReader | None = reader
        self.videos: slice | None = None
        self._forward: Forward | None = None
        self.stream: ConceptStream | None = None
        self._blocks_entered = self._layers_read = 0

    @property
    def forward(self) -> Forward:
        """The running forward pass.

        Raises:
            RuntimeError: none is read at the moment.
        """
        if self._forward is None:
            raise RuntimeError("no forward pass is read at the moment")
        return self._forward

    def begin(self, videos: slice, forward: Forward) -> None:
        """Start to read the batch rows `videos` of a forward pass."""
        self.videos, self._forward, self.stream = videos, forward, None
        self._blocks_entered = self._layers_read = 0

    def enter(self, layer: int, text_rows: int) -> None:
        """Count a block, whose attention begins.

        Args:
            layer: index of the block.
            text_rows: the number of its text rows.

        Raises:
            RuntimeError: it is not the next block, or it has other text rows than the forward pass began with.
        """
        if text_rows != self.forward.text_length:
            raise RuntimeError(
                f"block {layer} has {text_rows} text rows, but the forward pass began with {self.forward.text_length}; "
                "change the length of the text before the transformer is called"
            )
        if layer != self._blocks_entered:
            raise RuntimeError(
                f"block {layer} ran where block {self._blocks_entered} was due, so the maps would be wrong; {CAUSES}"
            )
        self._blocks_entered += 1

    def read(self, read: ReadLayer) -> None:
        """Give one layer of one video to the reader."""
        if self._reader is not None:
            self._layers_read += 1
            self._reader(read)

    def end(self) -> None:
        """End the forward pass. No block is read until the next `begin`.

        Raises:
            RuntimeError: a block did not run, or a layer was not read once for each video.
        """
        layers, videos = self.settings.layers, self.videos
        if self._blocks_entered <= layers[-1]:
            raise RuntimeError(f"block {self._blocks_entered} did not run, so the maps would be wrong; {CAUSES}")
        due = len(layers) * (0 if videos is None else videos.stop - videos.start)
        if self._layers_read != due:
            raise RuntimeError(
                f"{self._layers_read} layers were read where {due} were due, so the maps would be wrong; {CAUSES}"
            )
        self.discard()

    def discard(self) -> None:
        """Forget a forward pass that stopped before its end."""
        self.videos = self._forward = self.stream = None

    def close(self) -> None:
        """End the trace. The tap no longer refers to the reader and its maps."""
        self._reader = None

    @property
    def is_closed(self) -> bool:
        """Whether the trace has ended."""
        return self._reader is None

    def new_stream(self, concepts: Tensor, like: Tensor) -> ConceptStream:
        """The concept stream before the first block.

        Args:
            concepts: text embeddings `[C, D_text]`.
            like: has a row for each video, and the dtype and device of the stream.
        """
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
        self.tap, self.layer = tap, layer
        # Any: modules of diffusers have attributes that nn.Module does not declare.
        self.block: Any = block
        self.attention: Any = attention
        self.stock: Any = attention.processor
        while isinstance(self.stock, TappedAttention) and self.stock.tap.is_closed:
            self.stock = self.stock.stock  # of an earlier trace, put back by someone who kept its processors
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

    def __deepcopy__(self, memo: dict[int, Any]) -> TappedAttention:
        raise RuntimeError(UNCOPIED)

    @property
    def reads(self) -> bool:
        """Whether the running forward pass is read, and this block is needed for it."""
        return self.tap.videos is not None and self.layer <= self.tap.settings.layers[-1]

    @contextmanager
    def inserted(self) -> Iterator[None]:
        """Replace the stock processor inside the block of the `with`. At its end, one that was set inside stays."""
        self.attention.processor = self
        try:
            yield
        finally:
            if self.attention.processor is self:
                self.attention.processor = self.stock

    def __getattr__(self, name: str) -> Any:
        if name in STOCK_SETTINGS:
            return getattr(self.stock, name)
        raise AttributeError(f"{type(self).__name__} has no {name}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in STOCK_SETTINGS:
            setattr(self.stock, name, value)
        else:
            super().__setattr__(name, value)

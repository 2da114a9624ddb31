"""What a trace asks of an architecture: the guide to reading the next one."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from imap_fast.models.attention_backend import chosen_attention
from imap_fast.models.tap import Tap, TappedAttention
from imap_fast.models.video_forward import VideoForward
from imap_fast.prompt import PromptTokens
from imap_fast.settings import Settings


@dataclass(frozen=True)
class Forward:
    """A forward of a transformer that is about to run.

    Attributes:
        arguments: those of the call, by name.
        batch: rows of the batch. grid: `(F, H, W)`, latent frames and patches.
        text_length: `T`, text tokens with their padding.
        multiplicity: fp32 `[K]` with `K ≤ T`: how many equal text rows each of the first `K` stands for. Padding rows
            behind the prompt that are all equal are carried as one.
    """

    arguments: Mapping[str, Any]
    batch: int
    grid: tuple[int, int, int]
    text_length: int
    multiplicity: Tensor


class Adapter(ABC):
    """Knows where one architecture keeps its queries, keys and outputs; `trace` and `explain` know none.

    To read another architecture, subclass this in a file of its own, set the class attributes, write the abstract
    methods, and name its classes in `imap_fast.models.SUPPORTED`. Its `TappedAttention` repeats the stock processor's
    arithmetic, so that the video stays the same to the bit, and hands q, κ and o to the tap; a `JointAttention` takes
    the concept stream along. The tests run on everything that `tests/architectures.py` and `tests/pipelines.py` list.

    Args:
        target: a pipeline, or a bare transformer, compiled or not.

    Attributes:
        model: the transformer's class.
        attention: a block's attribute that holds the attention to read. tapped_attention: its processor in a trace.
        block_lists: the transformer's lists of blocks, in order; those of the first are read.
        published_layers_of: the layers that the published method reads, by (number of layers, number of heads).
        has_concept_stream: whether concepts can have a stream of their own beside the prompt's, for
            `match="concepts"` and the map `concept_attention`.
        has_fast_attention: whether its attention can run faster than the stock one, for `fast_attention`.
        guides_in_batch: whether guidance runs as one batch of (unconditional half, conditional half).
        video_forward_class: how a real video passes through a pipeline.
        pipeline: the target, where it is one.
        entries: the modules that are called for a forward; several take turns in one run.
        transformers: the same, without the shells of `torch.compile`.
    """

    model: ClassVar[type[nn.Module]]
    attention: ClassVar[str]
    tapped_attention: ClassVar[type[TappedAttention]]
    block_lists: ClassVar[tuple[str, ...]] = ("transformer_blocks",)
    published_layers_of: ClassVar[dict[tuple[int, int], tuple[int, ...]]]
    has_concept_stream: ClassVar[bool] = True
    has_fast_attention: ClassVar[bool] = False
    guides_in_batch: ClassVar[bool] = False
    video_forward_class: ClassVar[type[VideoForward]]

    def __init__(self, target: object) -> None:
        bare = isinstance(getattr(target, "_orig_mod", target), nn.Module)
        self.pipeline = None if bare else target
        self.entries: tuple[nn.Module, ...] = (target,) if bare else self.transformers_of(target)
        self.transformers = tuple(getattr(entry, "_orig_mod", entry) for entry in self.entries)
        self.config = self.transformers[0].config
        # A pipeline that was loaded from a `Path` has kept it as one.
        self.name = str((self.pipeline or self.transformers[0]).config.get("_name_or_path", ""))
        self.num_layers, self.num_heads = self.config.num_layers, self.config.num_attention_heads
        self.published_layers = self.published_layers_of.get((self.num_layers, self.num_heads))

    def transformers_of(self, pipeline) -> tuple[nn.Module, ...]:
        """The transformers of a pipeline."""
        return (pipeline.transformer,)

    @property
    @abstractmethod
    def embedding_width(self) -> int:
        """`D_text`, of the text embeddings that the transformer takes."""

    @property
    @abstractmethod
    def temporal_compression(self) -> int:
        """Frames in a latent frame."""

    @property
    @abstractmethod
    def patch_size(self) -> tuple[int, int, int]:
        """Latents in a patch: in time, in height and in width."""

    @property
    @abstractmethod
    def frame_rate(self) -> float:
        """Frames in a second of the videos that the model makes."""

    @abstractmethod
    def latent_size(self, latents: Tensor) -> tuple[int, int, int]:
        """Frames, height and width of the latents that the transformer takes."""

    def embed_concepts(self, concepts: tuple[str, ...], pooling: str) -> Tensor:
        """Text embeddings `[C, D_text]` of concepts, through the pipeline's own text encoder.

        Raises:
            ValueError: a concept too long, or a pipeline without its text encoder.
        """
        raise NotImplementedError(f"{type(self).__name__} has no concept stream")

    @abstractmethod
    def read_prompt(self, prompt: str, arguments: Mapping[str, Any]) -> PromptTokens:
        """The tokens behind the text rows of a prompt that the pipeline encodes with these arguments."""

    def new_tap(self, settings: Settings, concepts: Tensor | None, read: Callable[..., None]) -> Tap:
        """What the tapped blocks will share; see `Tap`."""
        return Tap(settings, concepts, read)

    def text_multiplicity(self, text: Tensor) -> Tensor:
        """`Forward.multiplicity` of text embeddings `[B, T, D_text]`: here no rows are known to be equal."""
        return torch.ones(text.shape[1], device=text.device)

    def forward_of(self, entry: nn.Module, args: tuple, kwargs: dict) -> Forward:
        """The forward of `entry` that is called with these arguments.

        Raises:
            ValueError: gradient checkpointing or a diffusers cache, which run a block twice or not at all.
        """
        transformer = getattr(entry, "_orig_mod", entry)
        if transformer.gradient_checkpointing and torch.is_grad_enabled():
            raise ValueError("gradient checkpointing runs blocks twice; trace under torch.no_grad()")
        if transformer.is_cache_enabled:
            raise ValueError("a diffusers cache skips blocks; call transformer.disable_cache() before the trace")
        arguments = inspect.signature(self.model.forward).bind(None, *args, **kwargs).arguments
        latents, text = arguments["hidden_states"], arguments["encoder_hidden_states"]
        grid = tuple(size // patch for size, patch in zip(self.latent_size(latents), self.patch_size, strict=True))
        return Forward(arguments, len(latents), grid, text.shape[1], self.text_multiplicity(text))

    @contextmanager
    def tapped(self, settings: Settings, concepts: Tensor | None, read: Callable[..., None]) -> Iterator[Tap]:
        """A tap on every block; on leaving, each processor and hook is what it was.

        Raises:
            RuntimeError: the model is being traced already. TypeError: an attention processor that is not stock.
        """
        tap = self.new_tap(settings, concepts, read)
        with ExitStack() as exits:
            for transformer in self.transformers:
                for layer, block in enumerate(getattr(transformer, self.block_lists[0])):
                    attention = getattr(block, self.attention)
                    exits.enter_context(self.tapped_attention(tap, layer, block, attention).inserted())
            yield tap

    def chosen_attention(self, name: str | None) -> AbstractContextManager[None]:
        """Another attention call for the transformers, by diffusers' name; None changes nothing."""
        if name is None:
            return nullcontext()
        transformer = self.transformers[0]
        device = transformer.device if self.pipeline is None else self.pipeline._execution_device
        return chosen_attention(name, head_dim=self.config.attention_head_dim, dtype=transformer.dtype, device=device)

    @contextmanager
    def stopped_after(self, layer: int) -> Iterator[None]:
        """Lets a forward end after block `layer`: nothing behind the last layer read changes a map."""
        with ExitStack() as exits:
            for transformer in self.transformers:
                first, *rest = self.block_lists
                for name in self.block_lists:
                    exits.callback(setattr, transformer, name, getattr(transformer, name))
                setattr(transformer, first, getattr(transformer, first)[: layer + 1])
                for name in rest:
                    setattr(transformer, name, nn.ModuleList())
            yield

    def scheduled_steps(self) -> int | None:
        """The number of denoising steps of the pipeline's run, where there is one."""
        return None if self.pipeline is None else self.pipeline.num_timesteps

    def video_forward(self, num_inference_steps: int | None, height: int | None, width: int | None) -> VideoForward:
        """The forward of a real video through the pipeline, see `VideoForward`."""
        return self.video_forward_class(self.pipeline, self.config, num_inference_steps, height, width)

"""The interface between a trace and an architecture, and the guide to a new architecture."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from imap_fast.models.attention_backend import chosen_attention
from imap_fast.models.forward import Forward, Grid
from imap_fast.models.kept_value import KeptValue
from imap_fast.models.model_hooks import refuse_other_hooks
from imap_fast.models.real_video.base import VideoForward
from imap_fast.models.tap import LayerReader, Tap, TappedAttention, TapSettings
from imap_fast.models.tapped_blocks import TappedBlocks
from imap_fast.models.vae_compression import temporal_compression
from imap_fast.text.prompt_tokens import PromptTokens


class Adapter(ABC):
    """Knows where one architecture computes its queries, keys and attention outputs. `trace` and `explain` do not.

    To support another architecture, write a subclass in its own file. Set the class attributes, write the abstract
    methods, and add its classes to `imap_fast.models.registry.ARCHITECTURES`. Its `TappedAttention` repeats the
    arithmetic of the stock attention processor, so that the video is unchanged to the bit, and gives q, κ and o to the
    tap: a `CrossAttention`, or a `JointAttention`, which also advances the concept stream. The tests run on every
    architecture that `tests/architectures.py` and `tests/pipelines.py` list.

    Args:
        target: a pipeline, or a bare transformer, compiled or not.

    Attributes:
        model: the class of the transformer.
        attention: name of the attribute of a block that holds the attention to read.
        tapped_attention: the processor of that attention during a trace.
        tap_class: the state that the tapped blocks share.
        block_lists: names of the lists of blocks of the transformer, in order. The blocks of the first list are read.
        published_layers_of: the layers that the published method reads, by (number of layers, number of heads).
        has_concept_stream: whether concepts can have a stream of their own beside the prompt. `match="concepts"` and
            the map `concept_attention` need it.
        has_fast_attention: whether `fast_attention` is available.
        guides_in_batch: whether guidance runs as one batch of (unconditional half, conditional half). If not, the
            conditional pass of a step is the first one.
        further_passes: the most passes in a step that are neither, and not read.
        reference_frames: latent frames before those of the video, in this run.
        published_compression: frames in a latent frame of its published VAEs.
        draws_first: names of the methods of a pipeline that draw from its generator before `prepare_latents`.
        makes_sections: whether a run may make its video in sections, each in a loop over all steps that begins with
            `prepare_latents`.
        rest_in_first_latent: of its VAE; see `imap_fast.upsampling.latent_time.LatentTime`.
        video_forward_class: passes a real video through a pipeline.
        pipeline: the target if it is a pipeline, else None.
        kept_values: values that are kept within a run.
        entries: the modules that a pipeline calls for a forward pass. Several of them take turns in one run.
        transformers: the same modules, without the wrappers of `torch.compile`.
        config: of the first transformer.
        name: of the checkpoint; empty if unknown.
        num_layers: blocks that can be read.
        num_heads: attention heads in a block.
        published_layers: the published layers of this checkpoint, or None.
    """

    model: ClassVar[type[nn.Module]]
    attention: ClassVar[str]
    tapped_attention: ClassVar[type[TappedAttention]]
    tap_class: ClassVar[type[Tap]] = Tap
    block_lists: ClassVar[tuple[str, ...]] = ("transformer_blocks",)
    published_layers_of: ClassVar[dict[tuple[int, int], tuple[int, ...]]]
    has_concept_stream: ClassVar[bool] = True
    has_fast_attention: ClassVar[bool] = False
    guides_in_batch: ClassVar[bool] = False
    further_passes: ClassVar[int] = 0
    published_compression: ClassVar[int] = 4
    draws_first: ClassVar[tuple[str, ...]] = ()
    makes_sections: ClassVar[bool] = False
    rest_in_first_latent: ClassVar[bool] = False
    video_forward_class: ClassVar[type[VideoForward]]
    # Any: pipelines and transformers of diffusers have attributes that their base classes do not declare.
    pipeline: Any
    transformers: tuple[Any, ...]

    def __init__(self, target: Any) -> None:
        bare = isinstance(getattr(target, "_orig_mod", target), nn.Module)
        self.pipeline = None if bare else target
        self.entries: tuple[nn.Module, ...] = (target,) if bare else self.transformers_of(target)
        self.transformers = tuple(getattr(entry, "_orig_mod", entry) for entry in self.entries)
        self._tapped_blocks: list[TappedBlocks] = []
        self.reference_frames = 0
        self.kept_values: tuple[KeptValue, ...] = ()
        self.config = self.transformers[0].config
        # A pipeline that was loaded from a `Path` keeps a `Path` here.
        self.name = str((self.pipeline or self.transformers[0]).config.get("_name_or_path", ""))
        self.num_layers, self.num_heads = self.depth
        self.published_layers = self.published_layers_of.get((self.num_layers, self.num_heads))

    def transformers_of(self, pipeline: Any) -> tuple[nn.Module, ...]:
        """The transformers of a pipeline."""
        return (pipeline.transformer,)

    @property
    def depth(self) -> tuple[int, int]:
        """The numbers of blocks that can be read, and of attention heads in each."""
        return self.config.num_layers, self.config.num_attention_heads

    @property
    def head_dim(self) -> int:
        """The dimension of a head."""
        return self.config.attention_head_dim

    @property
    @abstractmethod
    def embedding_width(self) -> int:
        """`D_text`, the width of the text embeddings that the transformer takes."""

    @property
    def temporal_compression(self) -> int:
        """Frames in a latent frame."""
        return self.published_compression if self.pipeline is None else temporal_compression(self.pipeline)

    @property
    @abstractmethod
    def patch_size(self) -> tuple[int, int, int]:
        """Latents in a patch, in time, height and width."""

    @property
    @abstractmethod
    def frame_rate(self) -> float:
        """Frames per second of the videos that the model generates by default."""

    def frame_rate_of(self, arguments: Mapping[str, Any]) -> float:
        """Frames per second of the video in a forward pass: its argument `fps`, if it has one, or else `frame_rate`."""
        return float(arguments.get("fps") or self.frame_rate)

    def latent_size(self, latents: Tensor) -> tuple[int, int, int]:
        """Frames, height and width of the latents that the transformer takes. By default, they are the last ones."""
        frames, height, width = latents.shape[-3:]
        return frames, height, width

    def embed_concepts(self, concepts: tuple[str, ...], pooling: str) -> Tensor:
        """Text embeddings `[C, D_text]` of concepts, from the text encoder of the pipeline.

        Args:
            concepts: words.
            pooling: `"first"` or `"mean"`, as in `imap_fast.trace`.

        Raises:
            ValueError: a concept is too long, or the pipeline has no text encoder.
        """
        raise NotImplementedError(f"{type(self).__name__} has no concept stream")

    def prompt_of(self, arguments: Mapping[str, Any]) -> Any:
        """The prompt in the arguments of a call of `encode_prompt`: a text, several, or None."""
        return arguments["prompt"]

    def read_prompt(self, prompt: str, arguments: Mapping[str, Any]) -> PromptTokens:
        """The tokens of a prompt, in the order of its text rows. By default, the pipeline puts nothing around it.

        Args:
            prompt: the text.
            arguments: of the call of `encode_prompt`, by name.
        """
        return PromptTokens.read(self.pipeline.tokenizer, prompt, max_length=arguments["max_sequence_length"])

    def new_tap(self, settings: TapSettings, concepts: Tensor | None, reader: LayerReader) -> Tap:
        """The state that the tapped blocks share; see `Tap`."""
        return self.tap_class(settings, concepts, reader, self.transformers[0])

    def text_multiplicity(self, text: Tensor) -> Tensor:
        """`Forward.multiplicity` of text embeddings `[B, T, D_text]`. By default, no rows are known to be equal."""
        return torch.ones(text.shape[1], dtype=torch.float32, device=text.device)

    def arguments_of(self, args: tuple, kwargs: dict) -> Mapping[str, Any]:
        """The arguments of a call of a transformer, by name."""
        return inspect.signature(self.model.forward).bind(None, *args, **kwargs).arguments

    def forward_of(self, entry: nn.Module, arguments: Mapping[str, Any]) -> Forward:
        """The forward pass of `entry` with these arguments.

        Raises:
            ValueError: gradient checkpointing, or a hook of diffusers that may skip or replace a part of the model.
        """
        transformer = getattr(entry, "_orig_mod", entry)
        if transformer.gradient_checkpointing and torch.is_grad_enabled():
            raise ValueError("gradient checkpointing runs blocks twice; trace under torch.no_grad()")
        refuse_other_hooks(transformer)
        latents, text = arguments["hidden_states"], arguments["encoder_hidden_states"]
        grid, video = self.grid_of(arguments)
        return Forward(
            arguments,
            batch=len(latents),
            grid=grid,
            text_length=text.shape[1],
            multiplicity=self.text_multiplicity(text),
            video=video,
        )

    def grid_of(self, arguments: Mapping[str, Any]) -> tuple[Grid, tuple[slice, ...]]:
        """Latent frames and patches of the video in a forward pass, and `Forward.video`."""
        sizes = zip(self.latent_size(arguments["hidden_states"]), self.patch_size, strict=True)
        frames, height, width = (size // patch for size, patch in sizes)
        before = self.reference_frames
        return (frames - before, height, width), (slice(before * height * width, None),)

    @contextmanager
    def tapped(self, settings: TapSettings, concepts: Tensor | None, reader: LayerReader) -> Iterator[Tap]:
        """Tap every block inside the `with` block. At its end, each processor and hook is restored.

        Raises:
            RuntimeError: the model is already traced.
            TypeError: an attention processor is not a stock one.
        """
        tap = self.new_tap(settings, concepts, reader)
        with ExitStack() as exits:
            self._tapped_blocks = [
                TappedBlocks(tap, transformer, self.block_lists[0], self.attention, self.tapped_attention)
                for transformer in self.transformers
            ]
            for blocks in self._tapped_blocks:
                exits.enter_context(blocks.inserted())
            yield tap

    def tap_again(self, entry: nn.Module) -> None:
        """Tap the blocks of `entry` whose stock processor was set anew inside of `tapped`; see `TappedBlocks`."""
        self._tapped_blocks[self.entries.index(entry)].refresh()

    def begin_run(self, inputs: Mapping[str, Any]) -> None:
        """Prepare for a run of the pipeline.

        Args:
            inputs: the arguments of its `check_inputs`, by name.

        Raises:
            RuntimeError: the pipeline no longer has the transformers that are traced.
        """
        for value in self.kept_values:
            value.forget()
        self.refuse_other_transformers()

    def latents_prepared(self, inputs: Mapping[str, Any]) -> None:
        """Observe the arguments of `prepare_latents`, by name: it is called in a run, before its first pass."""
        return  # most transformers are given all that is needed

    def refuse_other_transformers(self) -> None:
        """Raise RuntimeError if the pipeline no longer has the transformers that are traced."""
        present = tuple(getattr(entry, "_orig_mod", entry) for entry in self.transformers_of(self.pipeline))
        if present != self.transformers:
            raise RuntimeError("the transformer of the pipeline was replaced inside the `with`; open a new trace")

    @property
    def text_parts(self) -> tuple[Any, ...]:
        """The parts of the pipeline that embed words."""
        return self.pipeline.tokenizer, self.pipeline.text_encoder

    @property
    def parts(self) -> Mapping[str, Any]:
        """The models and other parts of the pipeline by name. Of a bare transformer, itself."""
        return {"transformer": self.transformers[0]} if self.pipeline is None else self.pipeline.components

    def chosen_attention(self, name: str | None) -> AbstractContextManager[None]:
        """Another attention backend for the transformers, by its name in diffusers. None changes nothing."""
        if name is None:
            return nullcontext()
        transformer = self.transformers[0]
        device = transformer.device if self.pipeline is None else self.pipeline._execution_device
        return chosen_attention(name, head_dim=self.head_dim, dtype=transformer.dtype, device=device)

    @contextmanager
    def stopped_after(self, layer: int) -> Iterator[None]:
        """End each forward pass after block `layer`. Blocks after the last layer read do not change the maps."""
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
        """The number of denoising steps in the run of the pipeline. None before it, and for a bare transformer."""
        return getattr(self.pipeline, "num_timesteps", None)

    def video_forward(
        self, num_inference_steps: int | None, height: int | None, width: int | None, vae: Any = None
    ) -> VideoForward:
        """The pass of a real video through the pipeline; see `VideoForward`."""
        return self.video_forward_class(self.pipeline, self.config, num_inference_steps, height, width, vae)

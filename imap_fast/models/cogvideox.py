"""CogVideoX 1.0 and 1.5: joint attention over `[text ; visual]` rows, the text rows in front."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers import CogVideoXTransformer3DModel
from diffusers.models.attention_processor import CogVideoXAttnProcessor2_0, FusedCogVideoXAttnProcessor2_0
from diffusers.models.embeddings import apply_rotary_emb
from torch import Tensor, nn

from imap_fast.accumulate import TextRows
from imap_fast.models.cogvideox_video import VideoForward
from imap_fast.settings import Settings
from imap_kernels import concept_attention

# The layers read by the published method, by (number of layers, number of heads): 2B, and 5B in all its versions.
PUBLISHED_LAYERS = {
    (30, 30): (4, 6, 7, *range(10, 24)),
    (42, 48): (*range(1, 6), *range(7, 22), 23),
}


@dataclass(frozen=True)
class ForwardSizes:
    """One forward of the transformer: its batch, text tokens `T`, and the grid `(F, H, W)` of patches."""

    batch: int
    text_length: int
    grid: tuple[int, int, int]
    device: torch.device


class Adapter:
    """What a trace asks of an architecture: its sizes, its published settings, and a tap on its blocks.

    Args:
        target: a CogVideoX pipeline or a bare `CogVideoXTransformer3DModel`, compiled or not.

    Attributes:
        entry: the module that is called for a forward. transformer: the same, without the shell of `torch.compile`.
    """

    def __init__(self, target: object) -> None:
        self.entry: nn.Module = getattr(target, "transformer", target)
        self.pipeline = None if self.entry is target else target
        self.transformer: CogVideoXTransformer3DModel = getattr(self.entry, "_orig_mod", self.entry)
        config = self.transformer.config
        self.name = (self.pipeline or self.transformer).config.get("_name_or_path", "")
        self.num_layers, self.num_heads = config.num_layers, config.num_attention_heads
        self.embedding_width = config.text_embed_dim
        self.published_layers = PUBLISHED_LAYERS.get((self.num_layers, self.num_heads))
        self.temporal_compression = config.temporal_compression_ratio
        self.patch_size_t = config.patch_size_t or 1

    def scheduled_steps(self) -> int | None:
        """The number of denoising steps of the pipeline's run, where there is one."""
        return None if self.pipeline is None else self.pipeline.num_timesteps

    def forward_sizes(self, args: tuple, kwargs: dict) -> ForwardSizes:
        """The sizes of a forward called with these arguments.

        Raises:
            ValueError: gradient checkpointing or a diffusers cache, which run a block twice or not at all.
        """
        if self.transformer.gradient_checkpointing and torch.is_grad_enabled():
            raise ValueError("gradient checkpointing runs blocks twice; trace under torch.no_grad()")
        if self.transformer.is_cache_enabled:
            raise ValueError("a diffusers cache skips blocks; call transformer.disable_cache() before the trace")
        call = inspect.signature(CogVideoXTransformer3DModel.forward).bind(None, *args, **kwargs).arguments
        latents = call["hidden_states"]
        batch, frames, _, height, width = latents.shape
        patch = self.transformer.config.patch_size
        grid = (frames // self.patch_size_t, height // patch, width // patch)
        return ForwardSizes(batch, call["encoder_hidden_states"].shape[1], grid, latents.device)

    @contextmanager
    def tapped(self, settings: Settings, concepts: Tensor | None, read: Callable[..., None]) -> Iterator[Tap]:
        """A tap on every block up to the last layer read; on leaving, each processor and hook is what it was.

        Args:
            settings: of the trace.
            concepts: text embeddings `[C, D_text]`, or None where only the prompt's own keys are asked for.
            read: takes `(layer, video, query, features, text, concepts)`, see `RunningMaps.add_layer`.

        Raises:
            RuntimeError: the model is being traced already. TypeError: an attention processor that is not stock.
        """
        blocks = self.transformer.transformer_blocks[: settings.layers[-1] + 1]
        stock = [block.attn1.processor for block in blocks]
        for processor in stock:
            if isinstance(processor, TappedAttention):
                raise RuntimeError("this transformer is being traced already; leave that `with` first")
            if type(processor) not in (CogVideoXAttnProcessor2_0, FusedCogVideoXAttnProcessor2_0):
                raise TypeError(
                    f"the attention processor {type(processor).__name__} cannot be traced; "
                    "set CogVideoXAttnProcessor2_0, or fuse_qkv_projections()"
                )
        tap = Tap(settings, concepts, self.transformer.patch_embed, read)
        with ExitStack() as exits:
            for layer, block in enumerate(blocks):
                tapped = TappedAttention(tap, layer, block)
                exits.callback(setattr, block.attn1, "processor", block.attn1.processor)
                exits.callback(block.register_forward_pre_hook(tapped.keep_temb, with_kwargs=True).remove)
                block.attn1.processor = tapped
            yield tap

    def video_forward(self, num_inference_steps: int, height: int | None, width: int | None) -> VideoForward:
        """The forward of a real video through the pipeline, see `VideoForward`."""
        return VideoForward(self.pipeline, num_inference_steps, height, width)

    @contextmanager
    def stopped_after(self, layer: int) -> Iterator[None]:
        """Lets the forward end after block `layer`: nothing behind the last layer read changes a map."""
        blocks = self.transformer.transformer_blocks
        self.transformer.transformer_blocks = blocks[: layer + 1]
        try:
            yield
        finally:
            self.transformer.transformer_blocks = blocks


class ConceptStream:
    """The concepts' own stream beside the prompt (METHOD.md, "Text keys").

    It passes through every block with the block's text-side weights, attends to `[concept stream ; visual tokens]` and
    changes nothing that the video sees. Padding rows that start equal stay equal, so each is carried once and counted.

    Args:
        rows: `[K, D]`, as the patch embedding gives them. multiplicity: `[K]`. videos: `V`.
    """

    def __init__(self, rows: Tensor, multiplicity: Tensor, videos: int) -> None:
        self.rows = rows.expand(videos, -1, -1)
        self.multiplicity = multiplicity

    @staticmethod
    def start(patch_embed: nn.Module, concepts: Tensor, text_length: int) -> tuple[Tensor, Tensor]:
        """Rows `[K, D]` and multiplicity fp32 `[K]` of concepts `[C, D_text]` padded with zeros to `text_length`."""
        named, padding = len(concepts), text_length - len(concepts)
        rows = patch_embed.text_proj(F.pad(concepts, (0, 0, 0, padding)))
        if patch_embed.use_learned_positional_embeddings:
            # A learned position may tell padding rows apart (CogVideoX-5B-I2V): only those found equal are one row.
            rows = rows + patch_embed.pos_embedding[0, :text_length].to(rows)
            distinct, counts = rows[named:].unique(dim=0, return_counts=True)
        else:
            distinct = rows[named : named + 1]
            counts = torch.full((len(distinct),), padding, device=rows.device)
        rows = torch.cat([rows[:named], distinct])
        return rows, torch.cat([counts.new_ones(named), counts]).float()

    def advance(
        self, attention: TappedAttention, temb: Tensor, visual_key: Tensor, visual_value: Tensor, backend: str
    ) -> list[TextRows]:
        """Through one block, beside visual keys and values `[V, A, N, d]`; answers with each video's rows in it."""
        block = attention.block
        _, modulated, _, gate = block.norm1(self.rows, self.rows, temb)
        query, key, value = attention.project(modulated)
        output = torch.stack(
            [
                concept_attention(*rows, multiplicity=self.multiplicity, backend=backend)
                for rows in zip(query, key, value, visual_key, visual_value, strict=True)
            ]
        )
        self.rows = self.rows + gate * attention.merge(output)
        _, modulated, _, gate = block.norm2(self.rows, self.rows, temb)
        self.rows = self.rows + gate * block.ff(modulated)
        return [TextRows(k, o, self.multiplicity) for k, o in zip(key, output, strict=True)]


class Tap:
    """What the tapped blocks of one trace share: what is read, and the concept stream of the forward under way.

    Attributes:
        videos: the rows of the batch that are read in the forward under way; None outside one.
    """

    def __init__(
        self, settings: Settings, concepts: Tensor | None, patch_embed: nn.Module, read: Callable[..., None]
    ) -> None:
        self.settings, self.concepts, self.patch_embed, self.read = settings, concepts, patch_embed, read
        self.videos: slice | None = None
        self.stream: ConceptStream | None = None
        self._stream_start: tuple[Tensor, Tensor] | None = None

    def begin(self, videos: slice) -> None:
        """A forward begins of which the batch rows `videos` are read."""
        self.videos = videos

    def end(self) -> None:
        """The forward is over; until the next `begin` every block runs its own processor."""
        self.videos = self.stream = None

    def open_stream(self, like: Tensor, text_length: int) -> None:
        """Starts the concept stream, one for each video of `like`; the rows it starts from are made once in a trace."""
        if self._stream_start is None:
            self._stream_start = ConceptStream.start(self.patch_embed, self.concepts.to(like), text_length)
        self.stream = ConceptStream(*self._stream_start, videos=len(like))


class TappedAttention:
    """The attention processor of a tapped block: the stock arithmetic, and a look at q, k, v and o on the way.

    The concept stream passes its block in here, too: only inside the block's own forward are the weights sure to be on
    the device, however the model is offloaded.
    """

    def __init__(self, tap: Tap, layer: int, block: nn.Module) -> None:
        self.tap, self.layer, self.block = tap, layer, block
        self.stock = block.attn1.processor
        # Not `attn.fused_projections`: diffusers leaves that set after `unfuse_qkv_projections`.
        self.fused = isinstance(self.stock, FusedCogVideoXAttnProcessor2_0)
        self.temb: Tensor | None = None

    def keep_temb(self, block: nn.Module, args: tuple, kwargs: dict) -> None:
        """Pre-hook of the block: the timestep embedding modulates the concept stream as it does the prompt."""
        self.temb = kwargs["temb"] if "temb" in kwargs else args[2]

    def __call__(
        self,
        attn: nn.Module,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        if self.tap.videos is None:
            return self.stock(attn, hidden_states, encoder_hidden_states, attention_mask, image_rotary_emb)
        if attention_mask is not None:
            raise ValueError("a CogVideoX attention with an attention_mask cannot be traced; call it without one")

        text_length = encoder_hidden_states.shape[1]
        query, key, value = self.project(torch.cat([encoder_hidden_states, hidden_states], dim=1))
        if image_rotary_emb is not None:
            query[:, :, text_length:] = apply_rotary_emb(query[:, :, text_length:], image_rotary_emb)
            key[:, :, text_length:] = apply_rotary_emb(key[:, :, text_length:], image_rotary_emb)
        output = F.scaled_dot_product_attention(query, key, value)
        with torch.no_grad():
            self.look(*(rows[self.tap.videos] for rows in (query, key, value, output)), text_length)
        hidden_states = self.merge(output)
        return hidden_states[:, text_length:], hidden_states[:, :text_length]

    def project(self, hidden_states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """q, k, v `[B, A, S, d]` of the rows `[B, S, D]`, after QK norm and before RoPE."""
        attn = self.block.attn1
        if self.fused:
            projected = attn.to_qkv(hidden_states).chunk(3, dim=-1)
        else:
            projected = (attn.to_q(hidden_states), attn.to_k(hidden_states), attn.to_v(hidden_states))
        query, key, value = (rows.unflatten(-1, (attn.heads, -1)).transpose(1, 2) for rows in projected)
        query = query if attn.norm_q is None else attn.norm_q(query)
        key = key if attn.norm_k is None else attn.norm_k(key)
        return query, key, value

    def merge(self, output: Tensor) -> Tensor:
        """The heads' outputs `[B, A, S, d]` through the output projection: `[B, S, D]`."""
        linear, dropout = self.block.attn1.to_out
        return dropout(linear(output.transpose(1, 2).flatten(2)))

    def look(self, query: Tensor, key: Tensor, value: Tensor, output: Tensor, text_length: int) -> None:
        """Takes the concept stream through this block and hands the layer, `[V, A, T+N, d]`, to the reader."""
        tap, visual = self.tap, slice(text_length, None)
        concepts = None
        if tap.concepts is not None:
            if self.layer == 0:
                tap.open_stream(value, text_length)
            temb = self.temb[tap.videos]
            concepts = tap.stream.advance(self, temb, key[:, :, visual], value[:, :, visual], tap.settings.backend)
        if self.layer not in tap.settings.layers:
            return
        ones = torch.ones(text_length, dtype=torch.float32, device=query.device)
        for video in range(len(query)):
            prompt = TextRows(key[video, :, :text_length], output[video, :, :text_length], ones)
            own = prompt if concepts is None else concepts[video]
            text = own if tap.settings.match == "concepts" else prompt
            tap.read(self.layer, video, query[video, :, visual], output[video, :, visual], text, own)

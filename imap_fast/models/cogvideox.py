"""CogVideoX 1.0 and 1.5: joint attention over `[text ; visual]` rows."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from diffusers import CogVideoXTransformer3DModel
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.attention_processor import CogVideoXAttnProcessor2_0, FusedCogVideoXAttnProcessor2_0
from diffusers.models.embeddings import apply_rotary_emb
from diffusers.models.normalization import CogVideoXLayerNormZero
from torch import Tensor, nn

from imap_fast.models import adapter
from imap_fast.models.concept_stream import ConceptStream, padded
from imap_fast.models.forward import Forward
from imap_fast.models.joint_attention import JointAttention
from imap_fast.models.kept_value import KeptValue
from imap_fast.models.real_video.cogvideox import CogVideoXForward
from imap_fast.models.stored_weights import StoredWeights
from imap_fast.models.t5_concepts import embed_by_t5
from imap_fast.models.tap import LayerReader, Tap, TapSettings
from imap_kernels import qk_norm_rope


class CogVideoXTap(Tap):
    """Starts the concept stream from the text projection, padded with zero embeddings to the length of the prompt.

    Args:
        settings: as in `Tap`, like `concepts`, `reader` and `transformer`.
        concepts: text embeddings `[C, D_text]`, or None.
        reader: called for each layer that is read.
        transformer: has the text projection.
        distinct: `distinct_rows` of its learned positions.
    """

    def __init__(
        self,
        settings: TapSettings,
        concepts: Tensor | None,
        reader: LayerReader,
        transformer: nn.Module,
        distinct: KeptValue[tuple[Tensor, Tensor]],
    ) -> None:
        super().__init__(settings, concepts, reader, transformer)
        self._distinct = distinct
        self._positions: TextPositions | None = None

    def begin(self, videos: slice, forward: Forward) -> None:
        super().begin(videos, forward)
        embed, latents = self.transformer.patch_embed, forward.arguments["hidden_states"]
        frames = (latents.shape[1] - 1) * embed.temporal_compression_ratio + 1
        self._positions = None
        # For other lengths, the model computes positions, which are zero for text.
        if embed.use_learned_positional_embeddings and frames == embed.sample_frames and self.concepts is not None:
            named = len(self.concepts)
            positions = StoredWeights(self.transformer).of(embed, "pos_embedding")
            padding, counts = self._distinct.of(positions, named, forward.text_length)
            self._positions = TextPositions(positions[0, :named], padding, counts)

    def new_stream(self, concepts: Tensor, like: Tensor) -> ConceptStream:
        named = len(concepts)
        rows, multiplicity = padded(concepts.to(like), self.forward.text_length)
        rows = self.transformer.patch_embed.text_proj(rows)
        if self._positions is not None:
            positions = self._positions
            rows = torch.cat([rows[:named] + positions.named.to(rows), rows[named:] + positions.padding.to(rows)])
            multiplicity = torch.cat([multiplicity[:named], positions.counts.to(multiplicity)])
        return ConceptStream(rows.expand(len(like), -1, -1), multiplicity)


class TextPositions(NamedTuple):
    """Learned positions of text rows, which can make padding rows differ (CogVideoX-5B-I2V).

    Attributes:
        named: of the concepts, `[C, D]`.
        padding: the distinct ones of the padding rows, `[K, D]`. Only equal rows are carried as one row.
        counts: padding rows at each distinct position, `[K]`.
    """

    named: Tensor
    padding: Tensor
    counts: Tensor


def distinct_rows(positions: Tensor, begin: int, end: int) -> tuple[Tensor, Tensor]:
    """The distinct rows of positions `[1, S, D]` from `begin` to `end`, `[K, D]`, and how often each occurs, `[K]`."""
    distinct, counts = positions[0, begin:end].unique(dim=0, return_counts=True)
    return distinct, counts


class TappedAttention(JointAttention):
    """The arithmetic of `CogVideoXAttnProcessor2_0` and of its fused version, or the faster `qk_norm_rope`.

    The faster one runs in every block and in every forward pass, also in those that are not read.
    """

    stock_processors = (CogVideoXAttnProcessor2_0, FusedCogVideoXAttnProcessor2_0)

    @property
    def fused(self) -> bool:
        """Whether q, k and v are one projection. `attn.fused_projections` is no sign: diffusers never resets it."""
        return isinstance(self.stock, FusedCogVideoXAttnProcessor2_0)

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        if attention_mask is not None:
            raise ValueError("a CogVideoX attention with an attention_mask cannot be traced; call it without one")

        text_length = encoder_hidden_states.shape[1]
        query, key, value = self.project(torch.cat([encoder_hidden_states, hidden_states], dim=1))
        query, key = self.norm_and_rotate(query, key, image_rotary_emb, text_length)
        output = self.attend(query, key, value)
        if self.reads:
            self.tap.enter(self.layer, text_length)
            self.read_layer(query, key, value, output, text=slice(text_length), visual=slice(text_length, None))
        hidden_states = self.project_output(output)
        return hidden_states[:, text_length:], hidden_states[:, :text_length]

    def project(self, hidden_states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Project rows `[B, S, D]` to q, k, v `[B, A, S, d]`, before QK norm."""
        attn = self.attention
        if self.fused:
            projected = attn.to_qkv(hidden_states).chunk(3, dim=-1)
        else:
            projected = (attn.to_q(hidden_states), attn.to_k(hidden_states), attn.to_v(hidden_states))
        query, key, value = (rows.unflatten(-1, (attn.heads, -1)).transpose(1, 2) for rows in projected)
        return query, key, value

    def norm(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """Apply the stock QK norm to queries and keys `[B, A, S, d]`."""
        attn = self.attention
        return query if attn.norm_q is None else attn.norm_q(query), key if attn.norm_k is None else attn.norm_k(key)

    def norm_and_rotate(
        self, query: Tensor, key: Tensor, rotary: tuple[Tensor, Tensor] | None, text_length: int
    ) -> tuple[Tensor, Tensor]:
        """Apply QK norm to queries and keys `[B, A, S, d]`, and RoPE to the visual ones."""
        attn, settings = self.attention, self.tap.settings
        if is_fast(query, settings.fast_attention) and fits_qk_norm_rope(attn.norm_q, attn.norm_k, query):
            norms = {
                "query_norm": (attn.norm_q.weight, attn.norm_q.bias),
                "key_norm": (attn.norm_k.weight, attn.norm_k.bias),
            }
            eps, backend = attn.norm_q.eps, settings.backend
            qk_norm_rope(query, key, **norms, eps=eps, rotary=rotary, text=text_length, backend=backend)
            return query, key
        query, key = self.norm(query, key)
        if rotary is not None:
            query[:, :, text_length:] = apply_rotary_emb(query[:, :, text_length:], rotary)
            key[:, :, text_length:] = apply_rotary_emb(key[:, :, text_length:], rotary)
        return query, key

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Call the stock attention, or the dispatcher of diffusers if the user chose another backend."""
        if self.tap.settings.attention_backend is None:
            return F.scaled_dot_product_attention(query, key, value)
        return dispatch_attention_fn(*(rows.transpose(1, 2) for rows in (query, key, value))).transpose(1, 2)

    def project_output(self, output: Tensor) -> Tensor:
        """Project the outputs of the heads `[B, A, S, d]` to rows `[B, S, D]`."""
        linear, dropout = self.attention.to_out
        return dropout(linear(output.transpose(1, 2).flatten(2)))

    def concepts_to_qkv(self, rows: Tensor, attends: bool) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
        modulated, gate = self.modulate(self.block.norm1, rows)
        query, key, value = self.project(modulated)
        return (*self.norm_and_rotate(query, key, None, text_length=rows.shape[1]), value), gate

    def concepts_after_attention(self, rows: Tensor, output: list[Tensor], modulation: Tensor) -> Tensor:
        # Stacked as they lie in memory, so that their projection copies nothing.
        attended = torch.stack([heads.transpose(0, 1) for heads in output]).transpose(1, 2)
        rows = torch.addcmul(rows, modulation, self.project_output(attended))
        modulated, gate = self.modulate(self.block.norm2, rows)
        return torch.addcmul(rows, gate, self.block.ff(modulated))

    def modulate(self, norm: Any, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Normalize and modulate rows `[V, K, D]` like text. Returns them, and the gate `[V, 1, D]` of their update.

        A stock norm would also compute as many visual rows.
        """
        temb = self.temb[self.tap.videos]
        if type(norm) is not CogVideoXLayerNormZero or has_hooks(norm):
            _, modulated, _, gate = norm(rows, rows, temb)
            return modulated, gate
        _, _, _, shift, scale, gate = norm.linear(norm.silu(temb)).unsqueeze(1).chunk(6, dim=2)
        normed = norm.norm(rows)
        return torch.addcmul(normed + shift, normed, scale), gate


def is_fast(query: Tensor, chosen: bool | None) -> bool:
    """Whether one kernel computes QK norm and RoPE of `query`. None chooses it on CUDA, except for fp64."""
    return query.is_cuda and query.dtype != torch.float64 if chosen is None else chosen


def fits_qk_norm_rope(query_norm: nn.Module | None, key_norm: nn.Module | None, rows: Tensor) -> bool:
    """Whether `qk_norm_rope` can compute this QK norm: a LayerNorm, its weights on the device of the rows, no gradient.

    A hook may change what the norm computes. With offloading or layerwise casting, it brings the weights to the device
    or dtype only while the norm runs.
    """
    return not rows.requires_grad and all(
        type(norm) is nn.LayerNorm
        and not has_hooks(norm)
        and norm.bias is not None
        and norm.weight.device == rows.device
        and norm.weight.dtype in (torch.float32, rows.dtype)
        and norm.eps == getattr(query_norm, "eps", None)
        for norm in (query_norm, key_norm)
    )


def has_hooks(module: nn.Module) -> bool:
    """Whether more runs than the module itself; accelerate and diffusers replace its `forward`."""
    return bool(module._forward_hooks or module._forward_pre_hooks or "forward" in module.__dict__)


class Adapter(adapter.Adapter):
    """CogVideoX; see `imap_fast.models.adapter.Adapter`."""

    model = CogVideoXTransformer3DModel
    attention = "attn1"
    tapped_attention = TappedAttention
    # 2B, and all versions of 5B.
    published_layers_of: ClassVar = {(30, 30): (4, 6, 7, *range(10, 24)), (42, 48): (*range(1, 6), *range(7, 22), 23)}
    guides_in_batch = True
    rest_in_first_latent = True
    has_fast_attention = True
    video_forward_class = CogVideoXForward

    def __init__(self, target: Any) -> None:
        super().__init__(target)
        self._distinct = KeptValue(distinct_rows)
        self.kept_values = (self._distinct,)

    @property
    def embedding_width(self) -> int:
        return self.config.text_embed_dim

    @property
    def temporal_compression(self) -> int:
        return self.config.temporal_compression_ratio

    @property
    def patch_size(self) -> tuple[int, int, int]:
        return (self.config.patch_size_t or 1, self.config.patch_size, self.config.patch_size)

    @property
    def frame_rate(self) -> float:
        # CogVideoX 1.5, which has temporal patches, was trained at twice the rate.
        return 16.0 if self.config.patch_size_t else 8.0

    def latent_size(self, latents: Tensor) -> tuple[int, int, int]:
        _, frames, _, height, width = latents.shape
        return frames, height, width

    def new_tap(self, settings: TapSettings, concepts: Tensor | None, reader: LayerReader) -> Tap:
        return CogVideoXTap(settings, concepts, reader, self.transformers[0], self._distinct)

    def embed_concepts(self, concepts: tuple[str, ...], pooling: str) -> Tensor:
        return embed_by_t5(self.pipeline, concepts, pooling)

"""Mochi: joint attention over `[visual ; text]` rows, of which the text rows are narrower than the visual ones."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from diffusers import MochiTransformer3DModel
from diffusers.models.attention_processor import MochiAttnProcessor2_0
from torch import Tensor

from imap_fast.models import adapter
from imap_fast.models.concept_stream import ConceptStream, padded
from imap_fast.models.dual_stream_attention import DualStreamAttention
from imap_fast.models.real_video.mochi import FRAME_RATE, MochiForward
from imap_fast.models.t5_concepts import embed_by_t5
from imap_fast.models.tap import Tap


class MochiTap(Tap):
    """Starts the concept stream with the caption projection, padded with zero embeddings."""

    def new_stream(self, concepts: Tensor, like: Tensor) -> ConceptStream:
        rows, multiplicity = padded(concepts.to(like), self.forward.text_length)
        rows = self.transformer.time_embed.caption_proj(rows)
        return ConceptStream(rows.expand(len(like), -1, -1), multiplicity)


class TappedAttention(DualStreamAttention):
    """The arithmetic of `MochiAttnProcessor2_0`.

    Text rows that a mask leaves out are in no attention call, so their keys do not count. In the last block, text rows
    have no output.
    """

    stock_processors = (MochiAttnProcessor2_0,)

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        if not self.reads:
            return self.stock(attn, hidden_states, encoder_hidden_states, attention_mask, image_rotary_emb)
        self.tap.enter(self.layer, encoder_hidden_states.shape[1])
        query, key, value = self.project_visual(hidden_states)
        if image_rotary_emb is not None:
            query, key = (rotated(rows, *image_rotary_emb) for rows in (query, key))
        text = (rows.transpose(1, 2) for rows in self.project_text(encoder_hidden_states))
        visual = (rows.transpose(1, 2) for rows in (query, key, value))
        query, key, value = (torch.cat(pair, dim=2) for pair in zip(visual, text, strict=True))
        tokens = hidden_states.shape[1]
        is_attended = F.pad(attention_mask.bool(), (tokens, 0), value=True)
        output = torch.cat([attended(*rows) for rows in zip(query, key, value, is_attended, strict=True)])
        self.read_layer(
            query, key, value, output, text=slice(tokens, None), visual=slice(tokens), mask=is_attended[:, None, None]
        )
        rows = output.transpose(1, 2).flatten(2, 3)
        linear, dropout = attn.to_out
        of_text = rows[:, tokens:]
        return dropout(linear(rows[:, :tokens])), attn.to_add_out(of_text) if hasattr(attn, "to_add_out") else of_text

    def prompt_counts(self, mask: Tensor | None, video: int) -> Tensor:
        counts = super().prompt_counts(mask, video)
        return counts if mask is None else counts * mask

    def concepts_to_qkv(self, rows: Tensor, attends: bool) -> tuple[tuple[Any, Tensor, Any], tuple[Tensor, ...]]:
        normed = self.block.norm1_context(rows, self.temb[self.tap.videos])
        modulated, *modulation = normed if isinstance(normed, tuple) else (normed,)  # in the last block there is none
        query, key, value = (part.transpose(1, 2) for part in self.project_text(modulated))
        return (query, key, value), tuple(modulation)

    def concepts_after_attention(self, rows: Tensor, output: list[Tensor], modulation: tuple[Tensor, ...]) -> Tensor:
        block, (gate_attention, scale, gate_feed_forward) = self.block, (part.unsqueeze(1) for part in modulation)
        attended = self.attention.to_add_out(torch.stack([heads.transpose(0, 1).flatten(1) for heads in output]))
        rows = rows + block.norm2_context(attended, torch.tanh(gate_attention))
        fed = block.ff_context(block.norm3_context(rows, 1 + scale.float()))
        return rows + block.norm4_context(fed, torch.tanh(gate_feed_forward))


def attended(query: Tensor, key: Tensor, value: Tensor, is_attended: Tensor) -> Tensor:
    """The attention output `[1, A, S, d]` of the rows `[A, S, d]` of a video that are attended to, and then zeros."""
    own = is_attended.nonzero().flatten()
    query, key, value = (rows[None, :, own] for rows in (query, key, value))
    return F.pad(F.scaled_dot_product_attention(query, key, value), (0, 0, 0, len(is_attended) - len(own)))


def rotated(rows: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Apply RoPE to rows `[B, S, A, d]`."""
    even, odd = rows[..., 0::2].float(), rows[..., 1::2].float()
    pair = ((even * cosine - odd * sine).to(rows.dtype), (even * sine + odd * cosine).to(rows.dtype))
    return torch.stack(pair, dim=-1).flatten(-2)


class Adapter(adapter.Adapter):
    """Mochi; see `imap_fast.models.adapter.Adapter`."""

    model = MochiTransformer3DModel
    attention = "attn1"
    tapped_attention = TappedAttention
    tap_class = MochiTap
    published_layers_of: ClassVar = {}
    published_compression = 6
    guides_in_batch = True
    video_forward_class = MochiForward

    @property
    def embedding_width(self) -> int:
        return self.config.text_embed_dim

    @property
    def patch_size(self) -> tuple[int, int, int]:
        return (1, self.config.patch_size, self.config.patch_size)

    @property
    def frame_rate(self) -> float:
        return FRAME_RATE

    def embed_concepts(self, concepts: tuple[str, ...], pooling: str) -> Tensor:
        return embed_by_t5(self.pipeline, concepts, pooling)

"""EasyAnimate: joint attention over `[text ; visual]` rows, with text projections of their own in the first blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from diffusers import EasyAnimateTransformer3DModel
from diffusers.models.embeddings import apply_rotary_emb
from diffusers.models.transformers.transformer_easyanimate import EasyAnimateAttnProcessor2_0
from torch import Tensor

from imap_fast.models import adapter
from imap_fast.models.concept_stream import ConceptStream, padded
from imap_fast.models.dual_stream_attention import DualStreamAttention
from imap_fast.models.real_video.easyanimate import FRAME_RATE, EasyAnimateForward
from imap_fast.models.tap import Tap
from imap_fast.text.encoder_checks import check_known, check_lengths, check_text_encoder
from imap_fast.text.prompt_tokens import PLACEHOLDER, PromptTokens


class EasyAnimateTap(Tap):
    """Starts the concept stream from the text projection, padded with zero embeddings to the length of the prompt."""

    def new_stream(self, concepts: Tensor, like: Tensor) -> ConceptStream:
        rows, multiplicity = padded(concepts.to(like), self.forward.text_length)
        rows = self.transformer.text_proj(rows)
        return ConceptStream(rows.expand(len(like), -1, -1), multiplicity)


class TappedAttention(DualStreamAttention):
    """The arithmetic of `EasyAnimateAttnProcessor2_0`."""

    stock_processors = (EasyAnimateAttnProcessor2_0,)

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        if not self.reads:
            return self.stock(attn, hidden_states, encoder_hidden_states, attention_mask, image_rotary_emb)
        text = encoder_hidden_states.shape[1]
        self.tap.enter(self.layer, text)
        if self.is_dual:
            rows = zip(self.project_text(encoder_hidden_states), self.project_visual(hidden_states), strict=True)
            projected = tuple(torch.cat(pair, dim=1) for pair in rows)
        else:
            projected = self.project_visual(torch.cat([encoder_hidden_states, hidden_states], dim=1))
        query, key, value = (rows.transpose(1, 2) for rows in projected)
        if image_rotary_emb is not None:
            for heads in (query, key):
                heads[:, :, text:] = apply_rotary_emb(heads[:, :, text:], image_rotary_emb)
        output = F.scaled_dot_product_attention(query, key, value, attn_mask=attention_mask)
        self.read_layer(query, key, value, output, text=slice(text), visual=slice(text, None))
        attended = output.transpose(1, 2).flatten(2, 3).to(query.dtype)
        linear, dropout = attn.to_out
        return dropout(linear(attended[:, text:])), self.project_text_output(attended[:, :text])

    @property
    def is_dual(self) -> bool:
        """Whether text rows have projections of their own."""
        return self.attention.add_q_proj is not None

    def project_text(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return super().project_text(rows) if self.is_dual else self.project_visual(rows)

    def project_text_output(self, rows: Tensor) -> Tensor:
        """The attention output of text rows `[B, T, D]`, which not all blocks project."""
        return self.attention.to_add_out(rows) if self.is_dual else rows

    def concepts_to_qkv(self, rows: Tensor, attends: bool) -> tuple[tuple[Any, Tensor, Any], Tensor]:
        _, modulated, _, gate = self.block.norm1(rows[:, :0], rows, self.temb[self.tap.videos])
        query, key, value = (part.transpose(1, 2) for part in self.project_text(modulated))
        return (query, key, value), gate.unsqueeze(1)

    def concepts_after_attention(self, rows: Tensor, output: list[Tensor], modulation: Tensor) -> Tensor:
        block = self.block
        attended = torch.stack([heads.transpose(0, 1).flatten(1) for heads in output])
        rows = rows + modulation * self.project_text_output(attended)
        _, modulated, _, gate = block.norm2(rows[:, :0], rows, self.temb[self.tap.videos])
        fed = (block.ff if block.txt_ff is None else block.txt_ff)(modulated)
        return rows + gate.unsqueeze(1) * (fed if block.norm3 is None else block.norm3(fed))


class Adapter(adapter.Adapter):
    """EasyAnimate; see `imap_fast.models.adapter.Adapter`."""

    model = EasyAnimateTransformer3DModel
    attention = "attn1"
    tapped_attention = TappedAttention
    tap_class = EasyAnimateTap
    published_layers_of: ClassVar = {}
    guides_in_batch = True
    video_forward_class = EasyAnimateForward

    @property
    def embedding_width(self) -> int:
        return self.config.text_embed_dim

    @property
    def patch_size(self) -> tuple[int, int, int]:
        return (1, self.config.patch_size, self.config.patch_size)

    @property
    def frame_rate(self) -> float:
        return FRAME_RATE

    @torch.no_grad()
    def embed_concepts(self, concepts: tuple[str, ...], pooling: str) -> Tensor:
        """As in the base class. A concept is encoded as a prompt is, and the rows around it are left out."""
        check_text_encoder(self.pipeline, pads_in_front=True)
        ids = self.pipeline.tokenizer(list(concepts), add_special_tokens=False).input_ids
        check_known(self.pipeline.tokenizer, concepts, ids)
        check_lengths(concepts, [len(tokens) for tokens in ids])
        embeddings, *_ = self.pipeline.encode_prompt(list(concepts), do_classifier_free_guidance=False)
        pooled = []
        for concept, rows in zip(concepts, embeddings, strict=True):
            spans = self.read_prompt(concept, {"max_sequence_length": len(rows)}).spans
            own = rows[[index for index, (start, stop) in enumerate(spans) if start < stop]]
            pooled.append(own[0] if pooling == "first" else own.mean(0))
        return torch.stack(pooled)

    def read_prompt(self, prompt: str, arguments: Mapping[str, Any]) -> PromptTokens:
        tokenizer = self.pipeline.tokenizer
        conversation = [{"role": "user", "content": [{"type": "text", "text": PLACEHOLDER}]}]
        return PromptTokens.read(
            tokenizer,
            prompt,
            max_length=arguments["max_sequence_length"],
            template=tokenizer.apply_chat_template(conversation, add_generation_prompt=True, tokenize=False),
            pads_in_front=True,
        )

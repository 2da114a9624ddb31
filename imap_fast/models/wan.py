"""Wan 2.1 and 2.2: cross-attention from the visual tokens to the text rows of the prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanAttnProcessor
from diffusers.pipelines.wan.pipeline_wan import prompt_clean
from torch import Tensor, nn

from imap_fast.models.cross_attention import CrossAttention, CrossAttentionAdapter
from imap_fast.models.real_video.wan import WanForward, frame_rate_of
from imap_fast.text.prompt_tokens import PromptTokens

TEXT_ROWS_AFTER_IMAGE = 512
"""The number of text rows that the stock processor assumes after image rows."""


class TappedAttention(CrossAttention):
    """The arithmetic of `WanAttnProcessor` in a cross-attention.

    Image-to-video checkpoints of Wan 2.1 add the attention output over the rows of an image, and that part is not read.
    """

    stock_processors = (WanAttnProcessor,)

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        has_image = attn.add_k_proj is not None
        if not self.is_read(TEXT_ROWS_AFTER_IMAGE if has_image else encoder_hidden_states.shape[1]):
            return self.stock(attn, hidden_states, encoder_hidden_states, attention_mask, rotary_emb)

        image_rows = encoder_hidden_states.shape[1] - TEXT_ROWS_AFTER_IMAGE if has_image else 0
        image, text = encoder_hidden_states.tensor_split([image_rows], dim=1)
        query = self.project(hidden_states, attn.to_q, attn.norm_q)
        output = self.attend_and_read(query, *self.project_text(text), attention_mask)
        if has_image:
            output = output + self.attend(query, *self.project_image(image)).flatten(2, 3).type_as(query)
        return self.project_output(output)

    def project_text(self, text: Tensor) -> tuple[Tensor, Tensor]:
        """Project text rows `[B, T, D]` to keys and values `[B, T, A, d]`, after QK norm."""
        attn = self.attention
        key, value = attn.to_kv(text).chunk(2, dim=-1) if attn.fused_projections else (attn.to_k(text), attn.to_v(text))
        return attn.norm_k(key).unflatten(2, (attn.heads, -1)), value.unflatten(2, (attn.heads, -1))

    def project_image(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Project image rows, which have projections of their own, to keys and values."""
        attn = self.attention
        key, value = (
            attn.to_added_kv(image).chunk(2, dim=-1)
            if attn.fused_projections
            else (attn.add_k_proj(image), attn.add_v_proj(image))
        )
        return attn.norm_added_k(key).unflatten(2, (attn.heads, -1)), value.unflatten(2, (attn.heads, -1))


class Adapter(CrossAttentionAdapter):
    """Wan; see `imap_fast.models.adapter.Adapter`."""

    model = WanTransformer3DModel
    tapped_attention = TappedAttention
    block_lists = ("blocks",)
    # 1.3B (with a published `top_k` of 3), and 14B.
    published_layers_of: ClassVar = {(30, 12): tuple(range(5, 20)), (40, 40): tuple(range(5, 26))}
    video_forward_class = WanForward

    def transformers_of(self, pipeline) -> tuple[nn.Module, ...]:
        """The transformers: Wan 2.2 has two, for high and for low noise."""
        both = (pipeline.transformer, getattr(pipeline, "transformer_2", None))
        return tuple(dict.fromkeys(transformer for transformer in both if transformer is not None))

    @property
    def embedding_width(self) -> int:
        return self.config.text_dim

    @property
    def patch_size(self) -> tuple[int, int, int]:
        frames, height, width = self.config.patch_size
        return frames, height, width

    @property
    def frame_rate(self) -> float:
        return frame_rate_of(self.pipeline)

    def read_prompt(self, prompt: str, arguments: Mapping[str, Any]) -> PromptTokens:
        limit = arguments["max_sequence_length"]
        return PromptTokens.read(self.pipeline.tokenizer, prompt, max_length=limit, clean=prompt_clean)

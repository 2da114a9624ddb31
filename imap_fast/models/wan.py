"""Wan 2.1 and 2.2: cross-attention from the visual tokens to the text rows of the prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.transformers.transformer_wan import WanAttnProcessor
from diffusers.pipelines.wan.pipeline_wan import prompt_clean
from torch import Tensor, nn

from imap_fast.models import adapter, tap
from imap_fast.models.kept_value import KeptValue
from imap_fast.models.read_layer import ReadLayer
from imap_fast.models.real_video.wan import WanForward
from imap_fast.models.text_rows import TextRows
from imap_fast.text.prompt_tokens import PromptTokens

TEXT_ROWS_AFTER_IMAGE = 512
"""The number of text rows that the stock processor assumes after image rows."""


class TappedAttention(tap.TappedAttention):
    """The arithmetic of `WanAttnProcessor` in a cross-attention.

    κ are the text keys, and o is the attention output over the text rows. Image-to-video checkpoints of Wan 2.1 add the
    attention output over the rows of an image, and that part is not read.
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
        if self.reads:
            text_rows = encoder_hidden_states.shape[1] if attn.add_k_proj is None else TEXT_ROWS_AFTER_IMAGE
            self.tap.enter(self.layer, text_rows)
        if not self.reads or self.layer not in self.tap.settings.layers:
            return self.stock(attn, hidden_states, encoder_hidden_states, attention_mask, rotary_emb)

        image = None
        if attn.add_k_proj is not None:
            image_rows = encoder_hidden_states.shape[1] - TEXT_ROWS_AFTER_IMAGE
            image, encoder_hidden_states = encoder_hidden_states.tensor_split([image_rows], dim=1)
        query = attn.norm_q(attn.to_q(hidden_states)).unflatten(2, (attn.heads, -1))
        key, value = self.project(encoder_hidden_states)
        output = self.attend(query, key, value, attention_mask)
        self.read_layer(query, key, output)
        output = output.flatten(2, 3).type_as(query)
        if image is not None:
            image_output = self.attend(query, *self.project_image(image), None)
            output = output + image_output.flatten(2, 3).type_as(query)
        linear, dropout = attn.to_out
        return dropout(linear(output))

    def project(self, text: Tensor) -> tuple[Tensor, Tensor]:
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

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """Call the attention of rows `[B, S, A, d]`, with the backend that diffusers is set to."""
        return dispatch_attention_fn(query, key, value, attn_mask=mask, backend=self.stock._attention_backend)

    @torch.no_grad()
    def read_layer(self, query: Tensor, key: Tensor, output: Tensor) -> None:
        """Give the layer, rows `[B, S, A, d]`, to the reader, with only the text rows that differ."""
        multiplicity = self.tap.forward.multiplicity
        query, key, output = (rows[self.tap.videos].transpose(1, 2) for rows in (query, key, output))
        for video in range(len(query)):
            text = TextRows(key[video, :, : len(multiplicity)], None, multiplicity)
            self.tap.read(
                ReadLayer(
                    layer=self.layer,
                    video=video,
                    query=query[video],
                    features=output[video],
                    text=text,
                    concepts=text,
                )
            )


def padding_as_one_row(text: Tensor) -> Tensor:
    """`Forward.multiplicity` of text embeddings `[B, T, D_text]`, in which equal rows at the end are carried as one."""
    like_last = (text == text[:, -1:]).all(-1).all(0)
    padding = max(1, int(like_last.flip(0).int().cumprod(0).sum()))  # a row of NaN is not even like itself
    multiplicity = torch.ones(text.shape[1] - padding + 1, dtype=torch.float32, device=text.device)
    multiplicity[-1] = padding
    return multiplicity


class Adapter(adapter.Adapter):
    """Wan; see `imap_fast.models.adapter.Adapter`."""

    model = WanTransformer3DModel
    attention = "attn2"
    tapped_attention = TappedAttention
    block_lists = ("blocks",)
    # 1.3B (with a published `top_k` of 3), and 14B.
    published_layers_of: ClassVar = {(30, 12): tuple(range(5, 20)), (40, 40): tuple(range(5, 26))}
    has_concept_stream = False
    video_forward_class = WanForward

    def __init__(self, target: Any) -> None:
        super().__init__(target)
        self._multiplicity = KeptValue(padding_as_one_row)
        self.kept_values = (self._multiplicity,)

    def transformers_of(self, pipeline) -> tuple[nn.Module, ...]:
        """The transformers: Wan 2.2 has two, for high and for low noise."""
        both = (pipeline.transformer, getattr(pipeline, "transformer_2", None))
        return tuple(dict.fromkeys(transformer for transformer in both if transformer is not None))

    @property
    def embedding_width(self) -> int:
        return self.config.text_dim

    @property
    def temporal_compression(self) -> int:
        # The config of the transformer does not say. The VAEs of Wan compress by 4.
        return 4 if self.pipeline is None else self.pipeline.vae_scale_factor_temporal

    @property
    def patch_size(self) -> tuple[int, int, int]:
        frames, height, width = self.config.patch_size
        return frames, height, width

    @property
    def frame_rate(self) -> float:
        return 16.0

    def latent_size(self, latents: Tensor) -> tuple[int, int, int]:
        frames, height, width = latents.shape[2:]
        return frames, height, width

    def text_multiplicity(self, text: Tensor) -> Tensor:
        """The rows of the prompt, and one row for the zeros after it, which stay equal: text rows do not attend."""
        # A run passes the same tensor at each step, so the device is synchronized once for each prompt.
        return self._multiplicity.of(text)

    def read_prompt(self, prompt: str, arguments: Mapping[str, Any]) -> PromptTokens:
        limit = arguments["max_sequence_length"]
        return PromptTokens.read(self.pipeline.tokenizer, prompt, max_length=limit, clean=prompt_clean)

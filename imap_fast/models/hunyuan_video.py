"""HunyuanVideo: joint attention over `[visual ; text]` rows in the dual-stream blocks."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from diffusers import HunyuanVideoTransformer3DModel
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.embeddings import apply_rotary_emb
from diffusers.models.transformers.transformer_hunyuan_video import HunyuanVideoAttnProcessor2_0
from PIL import Image
from torch import Tensor

from imap_fast.models import adapter
from imap_fast.models.concept_stream import ConceptStream, padded
from imap_fast.models.dual_stream_attention import DualStreamAttention
from imap_fast.models.real_video.hunyuan_video import HunyuanVideoForward
from imap_fast.models.tap import Tap
from imap_fast.text.encoder_checks import CONCEPT_TOKENS, check_known, check_lengths, check_text_encoder
from imap_fast.text.prompt_tokens import PLACEHOLDER, PromptTokens

ASSISTANT_TOKENS = 4
"""The number of tokens after a concept that the image-to-video pipeline removes after encoding."""


class HunyuanVideoTap(Tap):
    """Starts the concept stream with the token refiner."""

    def new_stream(self, concepts: Tensor, like: Tensor) -> ConceptStream:
        # In the refiner, padding rows attend to the first concept only. So one padding row gives the same as all.
        rows, multiplicity = padded(concepts.to(like), self.forward.text_length)
        is_named = torch.arange(len(rows), device=like.device) < len(concepts)
        timestep = self.forward.arguments["timestep"][self.videos]
        rows, is_named = (part.expand(len(like), *part.shape) for part in (rows, is_named))
        return ConceptStream(self.transformer.context_embedder(rows, timestep, is_named), multiplicity)


class TappedAttention(DualStreamAttention):
    """The arithmetic of `HunyuanVideoAttnProcessor2_0` in a dual-stream block."""

    stock_processors = (HunyuanVideoAttnProcessor2_0,)
    stream_uses_output = False

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

        self.tap.enter(self.layer, self.prompt_length(encoder_hidden_states))
        query, key, value = self.project_visual(hidden_states)
        if image_rotary_emb is not None:
            query, key = (apply_rotary_emb(rows, image_rotary_emb, sequence_dim=1) for rows in (query, key))
        rows = zip((query, key, value), self.project_text(encoder_hidden_states), strict=True)
        query, key, value = (torch.cat(pair, dim=1) for pair in rows)
        attended, mask = self.masks(attention_mask, query.shape[1])
        # Before version 0.36, diffusers has no choice of attention backend here.
        backend = getattr(self.stock, "_attention_backend", None)
        output = dispatch_attention_fn(query, key, value, attn_mask=mask, backend=backend)
        visual = hidden_states.shape[1]
        self.read_layer(
            *(rows.transpose(1, 2) for rows in (query, key, value, output)),
            text=slice(visual, None),
            visual=slice(visual),
            mask=attended,
        )
        output = output.flatten(2, 3).to(query.dtype)
        linear, dropout = attn.to_out
        return dropout(linear(output[:, :visual])), attn.to_add_out(output[:, visual:])

    def prompt_length(self, text: Tensor) -> int:
        """The number of text rows that are tokens of the prompt, with their padding."""
        return text.shape[1]

    def masks(self, mask: Tensor | None, rows: int) -> tuple[Tensor | None, Tensor | None]:
        """Which rows are attended to, bool `[B, 1, 1, S]`, and the mask of the attention call. None: all."""
        return mask, mask

    def concepts_to_qkv(self, rows: Tensor, attends: bool) -> tuple[tuple[Any, Tensor, Any], tuple[Tensor, ...]]:
        modulated, *modulation = self.block.norm1_context(rows, emb=self.temb[self.tap.videos])
        query = self.text_query(modulated).transpose(1, 2) if attends else None
        value = self.text_value(modulated).transpose(1, 2) if attends else None
        key = self.text_key(modulated).transpose(1, 2)
        return (query, key, value), (modulated, *(part.unsqueeze(1) for part in modulation))

    def concepts_after_attention(self, rows: Tensor, output: list[Tensor], modulation: tuple[Tensor, ...]) -> Tensor:
        modulated, gate_attention, shift, scale, gate_feed_forward = modulation
        # Here the published implementation adds the normed rows before attention, not the attention output.
        rows = torch.addcmul(rows, gate_attention, modulated)
        normed = self.block.norm2_context(rows)
        modulated = torch.addcmul(normed + shift, normed, scale)
        return torch.addcmul(rows, gate_feed_forward, self.block.ff_context(modulated))


class Adapter(adapter.Adapter):
    """HunyuanVideo; see `imap_fast.models.adapter.Adapter`."""

    model = HunyuanVideoTransformer3DModel
    attention = "attn"
    tapped_attention = TappedAttention
    tap_class: ClassVar[type[Tap]] = HunyuanVideoTap
    block_lists: ClassVar[tuple[str, ...]] = ("transformer_blocks", "single_transformer_blocks")
    published_layers_of: ClassVar = {(20, 24): (1, 2, 4, 5, 6, 9, 10, 13, *range(15, 20))}
    video_forward_class = HunyuanVideoForward

    @property
    def embedding_width(self) -> int:
        return self.config.text_embed_dim

    @property
    def patch_size(self) -> tuple[int, int, int]:
        return (self.config.patch_size_t, self.config.patch_size, self.config.patch_size)

    @property
    def frame_rate(self) -> float:
        return 24.0

    @torch.no_grad()
    def embed_concepts(self, concepts: tuple[str, ...], pooling: str) -> Tensor:
        check_text_encoder(self.pipeline)
        pipeline = self.pipeline
        tokenizer = pipeline.tokenizer
        ids = tokenizer(list(concepts), add_special_tokens=False).input_ids
        check_known(tokenizer, concepts, ids)
        lengths = [len(tokens) for tokens in ids]
        # EOS ends a concept in the template, and counts as a token.
        check_lengths(concepts, [length + 1 for length in lengths])
        inputs: dict[str, Any] = {"max_sequence_length": CONCEPT_TOKENS}
        if "image" in inspect.signature(pipeline.encode_prompt).parameters:
            # An image-to-video model reads an image before the text: black, as the pipeline does for negative prompts.
            black = [Image.new("RGB", (64, 64))] * len(concepts)
            inputs = {"max_sequence_length": CONCEPT_TOKENS + ASSISTANT_TOKENS, "image": black}
        embeddings, _, _ = pipeline.encode_prompt(prompt=list(concepts), **inputs)
        embeddings = embeddings[:, -CONCEPT_TOKENS:]
        if pooling == "first":
            return embeddings[:, 0].clone()
        return torch.stack([row[: max(length, 1)].mean(0) for row, length in zip(embeddings, lengths, strict=True)])

    def read_prompt(self, prompt: str, arguments: Mapping[str, Any]) -> PromptTokens:
        template, interleave = arguments["prompt_template"], arguments.get("image_embed_interleave")
        needed = ("template", "crop_start") if interleave is None else ("template", "crop_start", "image_emb_len")
        missing = next((key for key in needed if template.get(key) is None), None)
        if missing is not None or PLACEHOLDER not in template["template"]:
            raise ValueError(f"prompt_template has no {missing or PLACEHOLDER}, which tells the rows of words; add it")
        tokens = PromptTokens.read(
            self.pipeline.tokenizer,
            prompt,
            max_length=arguments["max_sequence_length"],
            template=template["template"],
            skip=template["crop_start"],
        )
        if interleave is None:
            return tokens
        return tokens.after_image(template["image_emb_len"] // interleave, removed=ASSISTANT_TOKENS)

"""HunyuanVideo 1.5: joint attention over `[visual ; text]` rows. Images and glyphs have text rows beside the prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from diffusers import HunyuanVideo15Transformer3DModel
from diffusers.models.transformers.transformer_hunyuan_video15 import HunyuanVideo15AttnProcessor2_0
from torch import Tensor, nn

from imap_fast.models import hunyuan_video
from imap_fast.models.concept_stream import ConceptStream, padded
from imap_fast.models.forward import Forward
from imap_fast.models.real_video.hunyuan_video_15 import FRAME_RATE, HunyuanVideo15Forward
from imap_fast.models.tap import Tap
from imap_fast.text.encoder_checks import CONCEPT_TOKENS, check_known, check_lengths, check_text_encoder
from imap_fast.text.prompt_tokens import PLACEHOLDER, PromptTokens


class HunyuanVideo15Tap(Tap):
    """Starts the concept stream with the token refiner, and knows where the prompt is among the text rows.

    A block has the valid rows of an image, of glyphs and of the prompt, and then those rows that a mask leaves out.

    Attributes:
        prompt: for each video, the places of its prompt and of padding among the text rows, int64 `[V, K]`.
        before: for each video, the number of rows before the prompt.
    """

    def begin(self, videos: slice, forward: Forward) -> None:
        super().begin(videos, forward)
        image, *masks = rows_beside(forward.arguments)
        own, glyphs = (mask[videos].sum(1, dtype=torch.int64) for mask in masks)
        # As in the model: an image counts if any in the batch is given.
        before = glyphs + (image.shape[1] if bool(image.any()) else 0)
        places = torch.arange(len(forward.multiplicity), device=own.device)
        padding = image.shape[1] + sum(mask.shape[1] for mask in masks) - 1
        self.prompt = torch.where(places < own[:, None], before[:, None] + places, padding)
        self.before = before.tolist()

    def new_stream(self, concepts: Tensor, like: Tensor) -> ConceptStream:
        timestep = self.forward.arguments["timestep"][self.videos]
        rows = self.transformer.context_embedder(concepts.to(like).expand(len(like), -1, -1), timestep)
        rows = rows + self.transformer.cond_type_embed(torch.zeros(1, dtype=torch.long, device=like.device))
        # As in the model, padding rows are zero after the refiner, which does not look at them.
        return ConceptStream(*padded(rows, self.forward.text_length))


def rows_beside(arguments: Mapping[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
    """The rows of an image, and the masks of the prompt and of glyphs, from the arguments of a transformer."""
    return arguments["image_embeds"], arguments["encoder_attention_mask"], arguments["encoder_attention_mask_2"]


class TappedAttention(hunyuan_video.TappedAttention):
    """The arithmetic of `HunyuanVideo15AttnProcessor2_0`. Concepts go on with their attention output, as text does."""

    stock_processors = (HunyuanVideo15AttnProcessor2_0,)
    stream_uses_output = True
    tap: HunyuanVideo15Tap

    def prompt_length(self, text: Tensor) -> int:
        image, _, glyphs = rows_beside(self.tap.forward.arguments)
        return text.shape[1] - image.shape[1] - glyphs.shape[1]

    def masks(self, mask: Tensor | None, rows: int) -> tuple[Tensor | None, Tensor | None]:
        assert mask is not None
        attended = F.pad(mask, (rows - mask.shape[1], 0), value=True).bool()[:, None, None]
        return attended, attended & attended.mT

    def prompt_rows(self, text: Tensor, video: int) -> Tensor:
        return text.index_select(-1 if text.ndim == 2 else -2, self.tap.prompt[video])

    def other_keys(self, visual: Tensor, text: Tensor, video: int) -> Tensor:
        return torch.cat([visual, text[:, : self.tap.before[video]]], dim=1)

    def concepts_after_attention(self, rows: Tensor, output: list[Tensor], modulation: tuple[Tensor, ...]) -> Tensor:
        attended = torch.stack([heads.transpose(0, 1).flatten(1) for heads in output])
        return super().concepts_after_attention(rows, output, (self.attention.to_add_out(attended), *modulation[1:]))


class Adapter(hunyuan_video.Adapter):
    """HunyuanVideo 1.5; see `imap_fast.models.adapter.Adapter`."""

    model = HunyuanVideo15Transformer3DModel
    tapped_attention = TappedAttention
    tap_class = HunyuanVideo15Tap
    block_lists = ("transformer_blocks",)
    published_layers_of: ClassVar = {}
    video_forward_class = HunyuanVideo15Forward

    @property
    def frame_rate(self) -> float:
        return FRAME_RATE

    def forward_of(self, entry: nn.Module, arguments: Mapping[str, Any]) -> Forward:
        """As in the base class. Rows that the mask leaves out are zero and stay equal, so they are carried as one."""
        forward = super().forward_of(entry, arguments)
        longest, length = int(arguments["encoder_attention_mask"].sum(1, dtype=torch.int64).max()), forward.text_length
        multiplicity = torch.ones(min(longest + 1, length), dtype=torch.float32, device=forward.multiplicity.device)
        multiplicity[-1] = max(length - longest, 1)
        return replace(forward, multiplicity=multiplicity)

    @torch.no_grad()
    def embed_concepts(self, concepts: tuple[str, ...], pooling: str) -> Tensor:
        check_text_encoder(self.pipeline)
        pipeline, tokenizer = self.pipeline, self.pipeline.tokenizer
        ids = tokenizer(list(concepts), add_special_tokens=False).input_ids
        check_known(tokenizer, concepts, ids)
        lengths = [len(tokens) for tokens in ids]
        check_lengths(concepts, lengths)
        embeddings, _ = pipeline._get_mllm_prompt_embeds(
            pipeline.text_encoder,
            tokenizer,
            list(concepts),
            pipeline._execution_device,
            tokenizer_max_length=CONCEPT_TOKENS,
            system_message=pipeline.system_message,
            crop_start=pipeline.prompt_template_encode_start_idx,
        )
        if pooling == "first":
            return embeddings[:, 0].clone()
        return torch.stack([row[:length].mean(0) for row, length in zip(embeddings, lengths, strict=True)])

    def read_prompt(self, prompt: str, arguments: Mapping[str, Any]) -> PromptTokens:
        pipeline = self.pipeline
        conversation = [
            {"role": "system", "content": pipeline.system_message},
            {"role": "user", "content": PLACEHOLDER},
        ]
        return PromptTokens.read(
            pipeline.tokenizer,
            prompt,
            max_length=pipeline.tokenizer_max_length,
            template=pipeline.tokenizer.apply_chat_template(conversation, add_generation_prompt=True, tokenize=False),
            skip=pipeline.prompt_template_encode_start_idx,
        )

"""Cosmos Predict 1 and 2: cross-attention to the text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from diffusers import CosmosTransformer3DModel
from diffusers.models.transformers.transformer_cosmos import CosmosAttnProcessor2_0
from torch import Tensor

from imap_fast.models.cross_attention import CrossAttention, CrossAttentionAdapter
from imap_fast.models.real_video.base import is_one_of
from imap_fast.models.real_video.cosmos import FRAME_RATE, CosmosForward
from imap_fast.text.prompt_tokens import PromptTokens

TEMPLATED = ("Cosmos2_5_PredictBasePipeline", "Cosmos2_5_TransferPipeline")


class TappedAttention(CrossAttention):
    """The arithmetic of `CosmosAttnProcessor2_0` in a cross-attention."""

    stock_processors = (CosmosAttnProcessor2_0,)

    def project(self, rows: Tensor, linear: Any, norm: Any = None) -> Tensor:
        heads = linear(rows).unflatten(2, (self.attention.heads, -1)).transpose(1, 2)
        return (heads if norm is None else norm(heads)).transpose(1, 2)


class Adapter(CrossAttentionAdapter):
    """Cosmos Predict; see `imap_fast.models.adapter.Adapter`."""

    model = CosmosTransformer3DModel
    tapped_attention = TappedAttention
    published_layers_of: ClassVar = {}
    published_compression = 8
    video_forward_class = CosmosForward

    @property
    def embedding_width(self) -> int:
        return self.config.text_embed_dim

    @property
    def patch_size(self) -> tuple[int, int, int]:
        frames, height, width = self.config.patch_size
        return frames, height, width

    @property
    def frame_rate(self) -> float:
        is_second = self.pipeline is not None and is_one_of(self.pipeline, ("Cosmos2VideoToWorldPipeline",))
        return 16.0 if is_second else FRAME_RATE

    def read_prompt(self, prompt: str, arguments: Mapping[str, Any]) -> PromptTokens:
        if is_one_of(self.pipeline, TEMPLATED):
            raise ValueError(
                "Cosmos 2.5 puts a template around the prompt, whose rows are not known; trace Cosmos 1 or 2"
            )
        return super().read_prompt(prompt, arguments)

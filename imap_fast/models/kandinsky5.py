"""Kandinsky 5: cross-attention from the visual tokens to the text, which passes blocks of its own first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from diffusers import Kandinsky5Transformer3DModel
from diffusers.models.transformers.transformer_kandinsky import Kandinsky5AttnProcessor
from diffusers.pipelines.kandinsky5.pipeline_kandinsky import prompt_clean
from torch import Tensor

from imap_fast.models import adapter
from imap_fast.models.cross_attention import CrossAttention
from imap_fast.models.forward import Grid
from imap_fast.models.real_video.kandinsky5 import FRAME_RATE, Kandinsky5Forward
from imap_fast.text.encoder_checks import own_tokenizer
from imap_fast.text.prompt_tokens import PromptTokens


class TappedAttention(CrossAttention):
    """The arithmetic of `Kandinsky5AttnProcessor` in a cross-attention."""

    stock_processors = (Kandinsky5AttnProcessor,)

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        rotary_emb: Tensor | None = None,
        sparse_params: Any = None,
    ) -> Tensor:
        assert encoder_hidden_states is not None
        if not self.is_read(encoder_hidden_states.shape[1]):
            return self.stock(attn, hidden_states, encoder_hidden_states, rotary_emb, sparse_params)
        query = self.project(hidden_states, attn.to_query, attn.query_norm)
        key = self.project(encoder_hidden_states, attn.to_key, attn.key_norm)
        value = self.project(encoder_hidden_states, attn.to_value)
        return attn.out_layer(self.attend_and_read(query, key, value))

    def project(self, rows: Tensor, linear: Any, norm: Any = None) -> Tensor:
        heads = linear(rows).unflatten(2, (self.attention.num_heads, -1))
        return heads if norm is None else norm(heads.float()).type_as(heads)


class Adapter(adapter.Adapter):
    """Kandinsky 5; see `imap_fast.models.adapter.Adapter`. Text rows attend to each other, so no two need be equal."""

    model = Kandinsky5Transformer3DModel
    attention = "cross_attention"
    tapped_attention = TappedAttention
    block_lists = ("visual_transformer_blocks",)
    published_layers_of: ClassVar = {}
    has_concept_stream = False
    video_forward_class = Kandinsky5Forward

    @property
    def depth(self) -> tuple[int, int]:
        return self.config.num_visual_blocks, self.config.model_dim // self.head_dim

    @property
    def head_dim(self) -> int:
        return sum(self.config.axes_dims)

    @property
    def embedding_width(self) -> int:
        return self.config.in_text_dim

    @property
    def patch_size(self) -> tuple[int, int, int]:
        frames, height, width = self.config.patch_size
        return frames, height, width

    @property
    def frame_rate(self) -> float:
        return FRAME_RATE

    def begin_run(self, inputs: Mapping[str, Any]) -> None:
        """As in the base class.

        Raises:
            ValueError: the run begins with embeddings, beside which only the negative prompt is encoded.
        """
        super().begin_run(inputs)
        if inputs["prompt_embeds_qwen"] is not None:
            raise ValueError("the words of prompt_embeds_qwen are not known; give Kandinsky 5 the prompt as text")

    def latent_size(self, latents: Tensor) -> tuple[int, int, int]:
        _, frames, height, width, _ = latents.shape
        return frames, height, width

    def grid_of(self, arguments: Mapping[str, Any]) -> tuple[Grid, tuple[slice, ...]]:
        """As in the base class.

        Raises:
            ValueError: attention is sparse, so the tokens are not in the order of patches.
        """
        sparse = arguments.get("sparse_params")
        if sparse is not None and sparse["to_fractal"]:
            raise ValueError(
                "sparse attention puts tokens in another order than that of patches, so maps would be wrong; trace a "
                'checkpoint whose attention_type is "regular"'
            )
        return super().grid_of(arguments)

    def prompt_of(self, arguments: Mapping[str, Any]) -> Any:
        prompt = super().prompt_of(arguments)
        return prompt[0] if isinstance(prompt, list) and len(prompt) == 1 else prompt  # it makes a list of each

    def read_prompt(self, prompt: str, arguments: Mapping[str, Any]) -> PromptTokens:
        pipeline = self.pipeline
        return PromptTokens.read(
            own_tokenizer(pipeline.tokenizer),
            prompt,
            max_length=arguments["max_sequence_length"],
            template=pipeline.prompt_template,
            skip=pipeline.prompt_template_encode_start_idx,
            clean=prompt_clean,
        )

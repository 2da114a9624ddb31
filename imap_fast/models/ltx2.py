"""LTX-2: the cross-attention from the video to its text. The audio stream beside it is not read."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import torch
from diffusers import LTX2VideoTransformer3DModel
from diffusers.models.transformers.transformer_ltx2 import LTX2AudioVideoAttnProcessor, LTX2PerturbedAttnProcessor
from torch import Tensor

from imap_fast.models import ltx
from imap_fast.models.forward import Grid
from imap_fast.models.real_video.ltx2 import FRAME_RATE, LTX2Forward
from imap_fast.text.prompt_tokens import PromptTokens


class TappedAttention(ltx.TappedAttention):
    """The arithmetic of LTX-2's processors in the cross-attention to the text. o is read before the gates of heads."""

    stock_processors = (LTX2AudioVideoAttnProcessor, LTX2PerturbedAttnProcessor)

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        query_rotary_emb: Any = None,
        key_rotary_emb: Any = None,
    ) -> Tensor:
        if not self.is_read(encoder_hidden_states.shape[1]):
            return self.stock(
                attn, hidden_states, encoder_hidden_states, attention_mask, query_rotary_emb, key_rotary_emb
            )
        query = self.project(hidden_states, attn.to_q, attn.norm_q)
        key = self.project(encoder_hidden_states, attn.to_k, attn.norm_k)
        value = self.project(encoder_hidden_states, attn.to_v)
        output = self.attend_and_read(query, key, value, self.prepare_mask(attention_mask, encoder_hidden_states))
        if attn.to_gate_logits is not None:
            gates = 2.0 * torch.sigmoid(attn.to_gate_logits(hidden_states))
            output = (output.unflatten(2, (attn.heads, -1)) * gates.unsqueeze(-1)).flatten(2, 3)
        return self.project_output(output)


class Adapter(ltx.Adapter):
    """LTX-2; see `imap_fast.models.adapter.Adapter`.

    Besides guidance, a step may have a pass with perturbed attention and one without the audio. Neither is read.
    """

    model = LTX2VideoTransformer3DModel
    tapped_attention = TappedAttention
    further_passes = 2
    video_forward_class = LTX2Forward

    @property
    def frame_rate(self) -> float:
        return FRAME_RATE

    def frame_rate_of(self, arguments: Mapping[str, Any]) -> float:
        return float(arguments.get("fps", self.frame_rate))

    def grid_of(self, arguments: Mapping[str, Any]) -> tuple[Grid, tuple[slice, ...]]:
        """As in the base class. Images and videos that condition the tokens are behind them.

        Raises:
            ValueError: a pass has no size, as those of tiles, or fewer tokens, or its attention is perturbed.
        """
        blocks = arguments.get("spatio_temporal_guidance_blocks")
        if blocks:
            raise ValueError(
                f"attention is perturbed in spatio_temporal_guidance_blocks={list(blocks)}, so maps would be of no "
                "step; call the transformer without them, or trace the pipeline that runs, with guided=None"
            )
        grid = self.given_grid(arguments)
        if grid is None:
            raise ValueError(ltx.NO_SIZE)
        if prod(grid) > arguments["hidden_states"].shape[1]:
            raise ltx.other_size(arguments, grid)
        return grid, (slice(prod(grid)),)

    def read_prompt(self, prompt: str, arguments: Mapping[str, Any]) -> PromptTokens:
        """As in the base class. The tokenizer pads in front, and the connectors move the prompt to the front again.

        Raises:
            ValueError: the connectors have no registers, so they leave the prompt behind its padding.
        """
        pipeline = self.pipeline
        if pipeline.connectors.config.video_connector_num_learnable_registers is None:
            raise ValueError("the connectors of the pipeline have no registers, so the rows of words are not known")
        return PromptTokens.read(
            pipeline.tokenizer, prompt, max_length=arguments["max_sequence_length"], clean=str.strip, pads_in_front=True
        )

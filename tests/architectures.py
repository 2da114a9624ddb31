"""The supported architectures, with everything that tests need."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tests import (
    tiny,
    tiny_consisid,
    tiny_cosmos,
    tiny_easyanimate,
    tiny_hunyuan_video,
    tiny_hunyuan_video_15,
    tiny_hunyuan_video_framepack,
    tiny_kandinsky5,
    tiny_ltx,
    tiny_ltx2,
    tiny_mochi,
    tiny_wan,
    tiny_wan_family,
)
from tests.architecture import TEXT, WIDTH, Architecture, Grid

NEWER = (
    tiny_wan_family,
    tiny_consisid,
    tiny_ltx,
    tiny_hunyuan_video_15,
    tiny_mochi,
    tiny_easyanimate,
    tiny_ltx2,
    tiny_kandinsky5,
    tiny_cosmos,
    tiny_hunyuan_video_framepack,
)
"""Modules that have `ARCHITECTURES`, `PIPELINES`, `UNEXPLAINED` and `GUIDED` of their own."""

__all__ = ["ARCHITECTURES", "NEWER", "TEXT", "WIDTH", "Architecture"]


def rotary(batch: int, text: int, grid: Grid) -> dict[str, Tensor]:
    """The rotary embedding of CogVideoX."""
    generator = torch.Generator().manual_seed(4)
    return {"image_rotary_emb": tuple(torch.randn(2, math.prod(grid), 16, generator=generator))}


def hunyuan_inputs(batch: int, text: int, grid: Grid) -> dict[str, Tensor]:
    """A mask without 5 padding tokens, the embedding of CLIP, and the guidance scale."""
    mask = torch.ones(batch, text)
    mask[:, -5:] = 0
    pooled = torch.randn(batch, 8, generator=torch.Generator().manual_seed(4))
    return {"encoder_attention_mask": mask, "pooled_projections": pooled, "guidance": torch.full((batch,), 6000.0)}


def rotary_transformer(**config: object) -> nn.Module:
    return tiny.tiny_transformer(use_rotary_positional_embeddings=True, **config)


ARCHITECTURES = {
    "cogvideox": Architecture(
        tiny.tiny_pipeline,
        rotary_transformer,
        blocks="transformer_blocks",
        attention="attn1",
        channels_first=False,
        inputs=rotary,
        start=tiny.projected_text,
    ),
    "hunyuan_video": Architecture(
        tiny_hunyuan_video.tiny_pipeline,
        tiny_hunyuan_video.tiny_transformer,
        blocks="transformer_blocks",
        attention="attn",
        text_rows="behind",
        inputs=hunyuan_inputs,
        start=tiny_hunyuan_video.refined_text,
        stream_uses_attention=False,
    ),
    "wan": Architecture(
        tiny_wan.tiny_pipeline, tiny_wan.tiny_transformer, blocks="blocks", attention="attn2", prompt_only=True
    ),
}

for family in NEWER:
    ARCHITECTURES |= family.ARCHITECTURES

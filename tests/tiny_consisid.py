"""Tiny stock ConsisID pipelines with random weights."""

from __future__ import annotations

import math

import torch
from diffusers import ConsisIDPipeline, ConsisIDTransformer3DModel
from torch import Tensor, nn

from tests import tiny
from tests.architecture import Architecture, Grid
from tests.tiny import RED

ROTARY = {"use_rotary_positional_embeddings": True}
FACE = {
    "is_train_face": True,
    "cross_attn_interval": 1,
    "cross_attn_dim_head": 8,
    "cross_attn_num_heads": 2,
    "LFE_id_dim": 8,
    "LFE_vit_dim": 8,
    "LFE_depth": 5,  # one layer for each scale
    "LFE_dim_head": 8,
    "LFE_num_heads": 2,
    "LFE_num_id_token": 2,
    "LFE_num_querie": 4,
    "LFE_output_dim": 42,  # two thirds of the width of the model
    "LFE_ff_mult": 1,
}


def tiny_transformer(**config: object) -> nn.Module:
    """A transformer of 3 layers of 4 heads."""
    return tiny.tiny_transformer(ConsisIDTransformer3DModel, **ROTARY, **config)


def tiny_pipeline(**config: object) -> ConsisIDPipeline:
    """A pipeline with `tiny_transformer(**config)`, which is given what a face is read to."""
    return tiny.assembled(ConsisIDPipeline, tiny_transformer(in_channels=8, **config))


def face_of(config: dict[str, object]) -> dict[str, object]:
    """`FACE`, with features of two thirds of the width of the model."""
    return {**FACE, "LFE_output_dim": int(16 * config.get("num_attention_heads", 4) / 3 * 2)}


def face() -> dict[str, object]:
    """What the parts that read a face make of it."""
    generator = torch.Generator().manual_seed(4)
    scales = [torch.randn(1, 6, 8, generator=generator) for _ in range(5)]
    return {"id_cond": torch.randn(1, 8, generator=generator), "id_vit_hidden": scales}


def inputs(batch: int, text: int, grid: Grid) -> dict[str, object]:
    """The rotary embedding, and a face for each video."""
    generator = torch.Generator().manual_seed(4)
    given: dict[str, object] = {"image_rotary_emb": tuple(torch.randn(2, math.prod(grid), 16, generator=generator))}
    own = face()
    scales: list[Tensor] = own["id_vit_hidden"]
    return given | {
        "id_cond": own["id_cond"].expand(batch, -1),
        "id_vit_hidden": [scale.expand(batch, -1, -1) for scale in scales],
    }


ARCHITECTURES = {
    "consisid": Architecture(
        tiny_pipeline,
        lambda **config: tiny_transformer(**face_of(config), **config),
        blocks="transformer_blocks",
        attention="attn1",
        channels_first=False,
        inputs=inputs,
        start=tiny.projected_text,
    )
}
PIPELINES = {
    "consisid": ("consisid", tiny_pipeline, {"image": RED}),
    "consisid-face": ("consisid", lambda: tiny_pipeline(**FACE), {"image": RED, "guidance_scale": 1.0, **face()}),
}
UNEXPLAINED = ("consisid", "consisid-face")
GUIDED: dict[str, tuple] = {}  # the guidance of CogVideoX

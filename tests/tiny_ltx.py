"""Tiny stock LTX-Video pipelines with random weights."""

from __future__ import annotations

import math

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    LTXConditionPipeline,
    LTXImageToVideoPipeline,
    LTXPipeline,
    LTXVideoTransformer3DModel,
)
from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition
from torch import Tensor, nn
from transformers import T5Config, T5EncoderModel

from tests.architecture import Architecture, Grid
from tests.tiny import RED, stir, tiny_tokenizer

SIZE = 64, 96  # no side of LTX is less than 32 pixels
SIZES = {"height": 64, "width": 96}


def tiny_transformer(**config: object) -> nn.Module:
    """A transformer of 3 layers of 4 heads."""
    torch.manual_seed(0)
    sizes = {"num_attention_heads": 4, "attention_head_dim": 16, "num_layers": 3, "in_channels": 4, "out_channels": 4}
    config = {**sizes, "caption_channels": 32, "norm_elementwise_affine": True, **config}
    return stir(LTXVideoTransformer3DModel(**config, cross_attention_dim=16 * config["num_attention_heads"]).eval())


def tiny_pipeline(pipeline_class: type[DiffusionPipeline] = LTXPipeline, **config: object) -> DiffusionPipeline:
    """A pipeline with `tiny_transformer(**config)`. A latent is 4 frames of 32 × 32 pixels."""
    transformer = tiny_transformer(**config)
    torch.manual_seed(1)
    tokenizer = tiny_tokenizer()
    encoder = T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4)
    vae = AutoencoderKLLTXVideo(
        latent_channels=4,
        block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        down_block_types=("LTXVideoDownBlock3D",) * 2,
        layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(1, 1, 1),
        spatio_temporal_scaling=(True, True),
        decoder_spatio_temporal_scaling=(True, True),
        decoder_inject_noise=(False, False, False),
        upsample_residual=(False, False),
        upsample_factor=(1, 1),
        patch_size=8,
    )
    vae.latents_mean.copy_(torch.tensor([0.1, -0.2, 0.3, 0.0]))
    vae.latents_std.copy_(torch.tensor([1.1, 0.9, 1.0, 1.2]))
    pipeline = pipeline_class(
        tokenizer=tokenizer,
        text_encoder=T5EncoderModel(encoder).eval(),
        vae=vae.eval(),
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=pipeline_class is not LTXConditionPipeline),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def inputs(batch: int, text: int, grid: Grid) -> dict[str, object]:
    """Tokens, and a mask without 5 padding tokens."""
    generator = torch.Generator().manual_seed(4)
    mask: Tensor = torch.ones(batch, text)
    mask[:, -5:] = 0
    return {
        "hidden_states": torch.randn(batch, math.prod(grid), 4, generator=generator),
        "encoder_attention_mask": mask,
        "num_frames": grid[0],
        "height": grid[1],
        "width": grid[2],
    }


ARCHITECTURES = {
    "ltx": Architecture(
        tiny_pipeline,
        tiny_transformer,
        blocks="transformer_blocks",
        attention="attn2",
        size=SIZE,
        prompt_only=True,
        inputs=inputs,
    )
}
PIPELINES = {
    "ltx-text": ("ltx", tiny_pipeline, SIZES),
    "ltx-image": ("ltx", lambda: tiny_pipeline(LTXImageToVideoPipeline), {"image": RED, **SIZES}),
    "ltx-condition": ("ltx", lambda: tiny_pipeline(LTXConditionPipeline), SIZES),
    "ltx-condition-later": (
        "ltx",
        lambda: tiny_pipeline(LTXConditionPipeline),
        {"conditions": [LTXVideoCondition(image=RED, frame_index=4), LTXVideoCondition(image=RED)], **SIZES},
    ),
}
UNEXPLAINED = ("ltx-condition", "ltx-condition-later")
GUIDED: dict[str, tuple] = {}  # in its batch, as in CogVideoX

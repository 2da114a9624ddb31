"""Tiny stock LTX-2 pipelines with random weights."""

from __future__ import annotations

import math

import torch
from diffusers import (
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    LTX2ConditionPipeline,
    LTX2ImageToVideoPipeline,
    LTX2Pipeline,
    LTX2VideoTransformer3DModel,
)
from diffusers.pipelines.ltx2 import LTX2TextConnectors
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder
from torch import Tensor, nn
from transformers import Gemma3Config, Gemma3ForConditionalGeneration, Gemma3TextConfig, SiglipVisionConfig

from tests.architecture import Architecture, Grid, first_rows
from tests.tiny import RED, stir
from tests.tiny_hunyuan_video import byte_level_tokenizer
from tests.tiny_ltx import SIZE, SIZES

TEXT_LAYERS = 1
AUDIO = {"num_channels": 2, "mel_bins": 8}


def tiny_transformer(**config: object) -> nn.Module:
    """A transformer of 3 layers of 4 heads, with gates as in LTX-2.3, and an audio stream of 2 heads."""
    torch.manual_seed(0)
    video = {"num_attention_heads": 4, "attention_head_dim": 16}
    audio = {
        "audio_in_channels": 4,
        "audio_out_channels": 4,
        "audio_num_attention_heads": 2,
        "audio_attention_head_dim": 8,
        "audio_cross_attention_dim": 16,
    }
    others = {
        "in_channels": 4,
        "out_channels": 4,
        "num_layers": 3,
        "caption_channels": 32,
        "gated_attn": True,
        "perturbed_attn": True,
    }
    config = {**video, **audio, **others, **config}
    return stir(LTX2VideoTransformer3DModel(**config, cross_attention_dim=16 * config["num_attention_heads"]).eval())


def tiny_pipeline(pipeline_class: type[DiffusionPipeline] = LTX2Pipeline, **config: object) -> DiffusionPipeline:
    """A pipeline with `tiny_transformer(**config)`. A latent is 4 frames of 32 × 32 pixels."""
    transformer = tiny_transformer(**config)
    torch.manual_seed(1)
    tokenizer = byte_level_tokenizer()
    tokenizer.padding_side = "left"
    gemma = Gemma3TextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=TEXT_LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.5,
    )
    vision = SiglipVisionConfig(
        hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=8
    )
    connector = {"num_attention_heads": 4, "attention_head_dim": 8, "num_layers": 1, "num_learnable_registers": 8}
    connectors = LTX2TextConnectors(
        caption_channels=32,
        text_proj_in_factor=TEXT_LAYERS + 1,
        rope_type="split",
        **{f"{stream}_connector_{name}": value for stream in ("video", "audio") for name, value in connector.items()},
    )
    vae = AutoencoderKLLTX2Video(
        latent_channels=4,
        block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        down_block_types=("LTX2VideoDownBlock3D",) * 2,
        layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(1, 1, 1),
        spatio_temporal_scaling=(True, True),
        decoder_spatio_temporal_scaling=(True, True),
        decoder_inject_noise=(False, False, False),
        downsample_type=("spatiotemporal", "spatiotemporal"),
        upsample_type=("spatiotemporal", "spatiotemporal"),
        upsample_residual=(False, False),
        upsample_factor=(1, 1),
        patch_size=8,
    )
    vae.latents_mean.copy_(torch.tensor([0.1, -0.2, 0.3, 0.0]))
    vae.latents_std.copy_(torch.tensor([1.1, 0.9, 1.0, 1.2]))
    audio_vae = AutoencoderKLLTX2Audio(
        base_channels=4,
        in_channels=2,
        output_channels=2,
        latent_channels=2,
        ch_mult=(1,),
        num_res_blocks=1,
        attn_resolutions=None,
        resolution=32,
        mid_block_add_attention=False,
        mel_bins=8,
    )
    vocoder = LTX2Vocoder(
        in_channels=16,
        hidden_channels=8,
        upsample_kernel_sizes=[4],
        upsample_factors=[2],
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1]],
    )
    pipeline = pipeline_class(
        tokenizer=tokenizer,
        text_encoder=Gemma3ForConditionalGeneration(
            Gemma3Config(text_config=gemma.to_dict(), vision_config=vision.to_dict(), mm_tokens_per_image=1)
        ).eval(),
        connectors=connectors.eval(),
        vae=vae.eval(),
        audio_vae=audio_vae.eval(),
        vocoder=vocoder.eval(),
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def inputs(batch: int, text: int, grid: Grid) -> dict[str, object]:
    """Tokens of video and audio, texts for both, and a mask without 5 padding tokens."""
    generator = torch.Generator().manual_seed(4)
    mask: Tensor = torch.ones(batch, text)
    mask[:, -5:] = 0
    return {
        "hidden_states": torch.randn(batch, math.prod(grid), 4, generator=generator),
        "audio_hidden_states": torch.randn(batch, 5, 4, generator=generator),
        "audio_encoder_hidden_states": torch.randn(batch, text, 32, generator=generator),
        "encoder_attention_mask": mask,
        "audio_encoder_attention_mask": mask,
        "num_frames": grid[0],
        "height": grid[1],
        "width": grid[2],
        "audio_num_frames": 5,
        "sigma": torch.full((batch,), 500),
    }


ARCHITECTURES = {
    "ltx2": Architecture(
        tiny_pipeline,
        tiny_transformer,
        blocks="transformer_blocks",
        attention="attn2",
        size=SIZE,
        video_rows=first_rows,
        prompt_only=True,
        inputs=inputs,
    )
}
# Without the guidance by perturbed passes that its pipelines add by default.
PLAIN = {
    **SIZES,
    "stg_scale": 0.0,
    "modality_scale": 1.0,
    "audio_guidance_scale": 1.0,
    "audio_stg_scale": 0.0,
    "audio_modality_scale": 1.0,
}
PIPELINES = {
    "ltx2-text": ("ltx2", tiny_pipeline, PLAIN),
    "ltx2-image": ("ltx2", lambda: tiny_pipeline(LTX2ImageToVideoPipeline), {**PLAIN, "image": RED}),
    "ltx2-condition-later": (
        "ltx2",
        lambda: tiny_pipeline(LTX2ConditionPipeline),
        {**PLAIN, "conditions": [LTX2VideoCondition(frames=RED, index=1), LTX2VideoCondition(frames=RED)]},
    ),
}
UNEXPLAINED = ("ltx2-condition-later",)
GUIDED: dict[str, tuple] = {}  # in its batch, as in CogVideoX

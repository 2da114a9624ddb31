"""Tiny stock Cosmos Predict pipelines with random weights."""

from __future__ import annotations

import sys

import numpy as np
import torch
from diffusers import (
    AutoencoderKLCosmos,
    Cosmos2VideoToWorldPipeline,
    CosmosTextToWorldPipeline,
    CosmosTransformer3DModel,
    CosmosVideoToWorldPipeline,
    DiffusionPipeline,
    EDMEulerScheduler,
    FlowMatchEulerDiscreteScheduler,
)
from torch import Tensor, nn
from transformers import T5Config, T5EncoderModel

from tests import tiny_wan
from tests.architecture import Architecture, Grid
from tests.tiny import RED, stir, tiny_tokenizer


class TrustingChecker:
    """The checker that the pipelines need, and that the optional package `cosmos_guardrail` has. All is well to it."""

    def to(self, device: object) -> None: ...

    def check_text_safety(self, text: str) -> bool:
        return True

    def check_video_safety(self, frames: np.ndarray) -> np.ndarray:
        return frames


for kind in (CosmosTextToWorldPipeline, CosmosVideoToWorldPipeline, Cosmos2VideoToWorldPipeline):
    sys.modules[kind.__module__].CosmosSafetyChecker = TrustingChecker


def tiny_transformer(**config: object) -> nn.Module:
    """A transformer of 3 layers of 4 heads."""
    torch.manual_seed(0)
    config = {
        "num_attention_heads": 4,
        "attention_head_dim": 16,
        "in_channels": 4,
        "out_channels": 4,
        "num_layers": 3,
        "mlp_ratio": 1,
        "text_embed_dim": 32,
        "adaln_lora_dim": 8,
        "max_size": (8, 32, 32),
        "rope_scale": (2.0, 1.0, 1.0),
        "concat_padding_mask": False,  # which needs torchvision
        "extra_pos_embed_type": None,
    } | config
    return stir(CosmosTransformer3DModel(**config).eval())


def tiny_pipeline(
    pipeline_class: type[DiffusionPipeline] = CosmosTextToWorldPipeline, **config: object
) -> DiffusionPipeline:
    """A pipeline with `tiny_transformer(**config)`."""
    transformer = tiny_transformer(**config)
    torch.manual_seed(1)
    tokenizer = tiny_tokenizer()
    encoder = T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4)
    if pipeline_class is Cosmos2VideoToWorldPipeline:
        vae = tiny_wan.tiny_vae()
        scheduler = FlowMatchEulerDiscreteScheduler(use_karras_sigmas=True)
    else:
        vae = AutoencoderKLCosmos(
            latent_channels=4,
            encoder_block_out_channels=(8, 8, 8),
            decode_block_out_channels=(8, 8, 8),
            num_layers=1,
            attention_resolutions=(4,),
            resolution=16,
            patch_size=4,
            spatial_compression_ratio=8,
            temporal_compression_ratio=4,
            latents_mean=None,
            latents_std=None,
        )
        scheduler = EDMEulerScheduler(sigma_min=0.002, sigma_max=80, sigma_data=0.5, final_sigmas_type="sigma_min")
    pipeline = pipeline_class(
        tokenizer=tokenizer,
        text_encoder=T5EncoderModel(encoder).eval(),
        vae=vae.eval(),
        transformer=transformer,
        scheduler=scheduler,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def inputs(batch: int, text: int, grid: Grid) -> dict[str, Tensor]:
    """A timestep as the scheduler of the first model gives it."""
    return {"timestep": torch.full((batch,), 0.3)}


ARCHITECTURES = {
    "cosmos": Architecture(
        tiny_pipeline,
        tiny_transformer,
        blocks="transformer_blocks",
        attention="attn2",
        prompt_only=True,
        inputs=inputs,
    )
}
PIPELINES = {
    "cosmos-text": ("cosmos", tiny_pipeline, {}),
    "cosmos-video": (
        "cosmos",
        lambda: tiny_pipeline(CosmosVideoToWorldPipeline, in_channels=5, extra_pos_embed_type="learnable"),
        {"image": RED},
    ),
    "cosmos-2-video": ("cosmos", lambda: tiny_pipeline(Cosmos2VideoToWorldPipeline, in_channels=5), {"image": RED}),
}
UNEXPLAINED = ("cosmos-video", "cosmos-2-video")
GUIDED = {
    kind: (*PIPELINES[kind][:2], {**PIPELINES[kind][2], "guidance_scale": 5.0, "negative_prompt": "a blue dog"})
    for kind in PIPELINES
}

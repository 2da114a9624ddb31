"""Tiny stock Wan pipelines with random weights."""

from __future__ import annotations

import inspect

import torch
from diffusers import (
    AutoencoderKLWan,
    DiffusionPipeline,
    UniPCMultistepScheduler,
    WanPipeline,
    WanTransformer3DModel,
)
from torch import nn
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel, UMT5Config, UMT5EncoderModel

from tests.tiny import stir, tiny_tokenizer

CONFIG = {
    "num_attention_heads": 4,
    "attention_head_dim": 16,
    "in_channels": 4,
    "out_channels": 4,
    "text_dim": 32,
    "freq_dim": 16,
    "ffn_dim": 32,
    "num_layers": 3,
    "rope_max_seq_len": 32,
}


def tiny_transformer(model: type[nn.Module] = WanTransformer3DModel, **config: object) -> nn.Module:
    """A transformer of 3 layers of 4 heads, of Wan or derived from it."""
    torch.manual_seed(0)
    return stir(model(**(CONFIG | config)).eval())


def tiny_pipeline(
    pipeline_class: type[DiffusionPipeline] = WanPipeline, *, stages: int = 1, **config: object
) -> DiffusionPipeline:
    """A pipeline with `tiny_transformer(**config)`, or with two of them, as in Wan 2.2."""
    parts = {"transformer": tiny_transformer(**config)}
    if stages == 2:
        parts |= {"transformer_2": tiny_transformer(**config), "boundary_ratio": 0.8}
    return assembled(pipeline_class, **parts)


def tiny_vae() -> AutoencoderKLWan:
    """A VAE of 4 channels, with a mean and a standard deviation for each."""
    return AutoencoderKLWan(
        base_dim=3,
        z_dim=4,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.1, -0.2, 0.3, 0.0],
        latents_std=[1.1, 0.9, 1.0, 1.2],
    )


def assembled(pipeline_class: type[DiffusionPipeline], **parts: object) -> DiffusionPipeline:
    """A pipeline of these parts and of the common ones, without a progress bar."""
    torch.manual_seed(1)
    if "image_encoder" in inspect.signature(pipeline_class).parameters:
        vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
        parts["image_encoder"] = CLIPVisionModel(CLIPVisionConfig(image_size=16, patch_size=8, **vision)).eval()
        parts["image_processor"] = CLIPImageProcessor(size=16, crop_size=16)
    tokenizer = tiny_tokenizer()
    encoder = UMT5Config(vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4)
    pipeline = pipeline_class(
        tokenizer=tokenizer,
        text_encoder=UMT5EncoderModel(encoder).eval(),
        vae=tiny_vae().eval(),
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
        **parts,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline

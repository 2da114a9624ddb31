"""Tiny stock Kandinsky 5 pipelines with random weights."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AutoencoderKLHunyuanVideo,
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    Kandinsky5I2VPipeline,
    Kandinsky5T2VPipeline,
    Kandinsky5Transformer3DModel,
)
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from tests.architecture import Architecture, Grid, latents_of
from tests.tiny import HEIGHT, WIDTH, stir
from tests.tiny_hunyuan_video import SPECIAL, byte_level_tokenizer

TEMPLATE = "<|start_header_id|>{}<|eot_id|>"
CROPPED = 6  # tokens before the prompt
SPOTTED = Image.effect_noise((WIDTH, HEIGHT), 60).convert("RGB")


def tiny_transformer(**config: object) -> nn.Module:
    """A transformer of 3 layers of 4 heads, after one of text."""
    torch.manual_seed(0)
    heads = config.pop("num_attention_heads", 4)
    config = {
        "in_visual_dim": 4,
        "out_visual_dim": 4,
        "in_text_dim": 32,
        "in_text_dim2": 8,
        "time_dim": 16,
        "model_dim": 16 * heads,
        "ff_dim": 32,
        "num_text_blocks": 1,
        "num_visual_blocks": 3,
        "axes_dims": (4, 6, 6),
    } | config
    transformer = stir(Kandinsky5Transformer3DModel(**config).eval())
    generator = torch.Generator().manual_seed(2)
    for name, parameter in transformer.named_parameters():  # which begin at zero: no block would do anything
        if "modulation" in name:
            parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
    return transformer


class TextProcessor:
    """What the pipeline uses of the processor of Qwen, which needs torchvision."""

    def __init__(self) -> None:
        self.tokenizer = byte_level_tokenizer(TEMPLATE, CROPPED)

    def __call__(self, text: list[str], images: None, videos: None, **options: Any) -> Any:
        return self.tokenizer(text, **options)

    def decode(self, tokens: Tensor) -> str:
        return self.tokenizer.decode(tokens)


def tiny_pipeline(
    pipeline_class: type[DiffusionPipeline] = Kandinsky5T2VPipeline, **config: object
) -> DiffusionPipeline:
    """A pipeline with `tiny_transformer(**config)`."""
    transformer = tiny_transformer(**config)
    torch.manual_seed(1)
    processor, tokenizer_2 = TextProcessor(), byte_level_tokenizer()
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 4}
    text = {
        **sizes,
        "vocab_size": len(processor.tokenizer),
        "num_hidden_layers": 2,
        "num_key_value_heads": 2,
        "rope_scaling": {"type": "mrope", "mrope_section": [1, 1, 2]},
        "initializer_range": 0.5,
    }
    vision = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 32}
    clip = CLIPTextConfig(
        vocab_size=len(tokenizer_2),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=SPECIAL.index("<s>"),
        eos_token_id=SPECIAL.index("<|eot_id|>"),
    )
    vae = AutoencoderKLHunyuanVideo(
        latent_channels=4, block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=4
    )
    pipeline = pipeline_class(
        tokenizer=processor,
        text_encoder=Qwen2_5_VLForConditionalGeneration(
            Qwen2_5_VLConfig(text_config=text, vision_config=vision)
        ).eval(),
        tokenizer_2=tokenizer_2,
        text_encoder_2=CLIPTextModel(clip).eval(),
        transformer=transformer,
        vae=vae.eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=5.0),
    )
    pipeline.prompt_template, pipeline.prompt_template_encode_start_idx = TEMPLATE, CROPPED
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def inputs(batch: int, text: int, grid: Grid) -> dict[str, object]:
    """Latents whose channels come last, the embedding of CLIP, and positions."""
    generator = torch.Generator().manual_seed(4)
    return {
        "hidden_states": torch.randn(batch, *latents_of(grid), 4, generator=generator),
        "pooled_projections": torch.randn(batch, 8, generator=generator),
        "visual_rope_pos": [torch.arange(size) for size in grid],
        "text_rope_pos": torch.arange(text),
    }


ARCHITECTURES = {
    "kandinsky5": Architecture(
        tiny_pipeline,
        tiny_transformer,
        blocks="visual_transformer_blocks",
        attention="cross_attention",
        prompt_only=True,
        inputs=inputs,
    )
}
PIPELINES = {
    "kandinsky-text": ("kandinsky5", tiny_pipeline, {}),
    "kandinsky-image": (
        "kandinsky5",
        lambda: tiny_pipeline(Kandinsky5I2VPipeline, visual_cond=True),
        {"image": SPOTTED, "num_frames": 21},  # its pipeline compares the first 4 latents with those behind them
    ),
}
UNEXPLAINED: tuple[str, ...] = ()
GUIDED = {
    kind: (*PIPELINES[kind][:2], {**PIPELINES[kind][2], "guidance_scale": 5.0, "negative_prompt": "a blue dog"})
    for kind in PIPELINES
}

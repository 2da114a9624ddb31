"""A tiny stock HunyuanVideo Framepack pipeline with random weights."""

from __future__ import annotations

import torch
from diffusers import HunyuanVideoFramepackPipeline, HunyuanVideoFramepackTransformer3DModel
from diffusers.pipelines.hunyuan_video.pipeline_hunyuan_video_framepack import DEFAULT_PROMPT_TEMPLATE
from torch import Tensor, nn
from transformers import LlamaModel, SiglipImageProcessor, SiglipVisionConfig, SiglipVisionModel

from tests.architecture import Architecture, Grid, latents_of
from tests.tiny import RED, stir
from tests.tiny_hunyuan_video import assembled, byte_level_tokenizer, llama_config, refined_text

IMAGE = 5  # rows of an image among those of the text
CLEAN, HALF, QUARTER = 2, 2, 16  # latent frames beside those of a section: the image and the nearest one, and others


def tiny_transformer(**config: object) -> nn.Module:
    """A transformer of 3 dual-stream layers of 4 heads, and one single-stream layer."""
    torch.manual_seed(0)
    config = {
        "num_attention_heads": 4,
        "attention_head_dim": 16,
        "in_channels": 4,
        "out_channels": 4,
        "num_layers": 3,
        "num_single_layers": 1,
        "num_refiner_layers": 1,
        "text_embed_dim": 32,
        "pooled_projection_dim": 8,
        "rope_axes_dim": (4, 6, 6),
        "has_image_proj": True,
        "image_proj_dim": 16,
        "has_clean_x_embedder": True,
    } | config
    return stir(HunyuanVideoFramepackTransformer3DModel(**config).eval())


def tiny_pipeline(**config: object) -> HunyuanVideoFramepackPipeline:
    """A pipeline with `tiny_transformer(**config)`."""
    transformer = tiny_transformer(**config)
    torch.manual_seed(1)
    tokenizer = byte_level_tokenizer(DEFAULT_PROMPT_TEMPLATE["template"], DEFAULT_PROMPT_TEMPLATE["crop_start"])
    vision = SiglipVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=8
    )
    return assembled(
        HunyuanVideoFramepackPipeline,
        transformer,
        tokenizer,
        text_encoder=LlamaModel(llama_config(tokenizer)).eval(),
        image_encoder=SiglipVisionModel(vision).eval(),
        use_dynamic_shifting=True,
        feature_extractor=SiglipImageProcessor(size={"height": 16, "width": 16}),
    )


def inputs(batch: int, text: int, grid: Grid) -> dict[str, Tensor]:
    """A section that comes before all others, so the image is its first frame, and texts of other lengths."""
    generator = torch.Generator().manual_seed(4)
    frames, height, width = latents_of(grid)
    section = frames - 1
    lengths = torch.tensor([[text - 5], [text - 9]])[:batch]

    def latents(count: int) -> Tensor:
        return torch.randn(batch, 4, count, height, width, generator=generator)

    indices = torch.arange(1 + section + 1 + HALF + QUARTER).split([1, section, 1, HALF, QUARTER])
    return {
        "hidden_states": latents(section),
        "encoder_attention_mask": (torch.arange(text) < lengths).float(),
        "pooled_projections": torch.randn(batch, 8, generator=generator),
        "image_embeds": torch.randn(batch, IMAGE, 16, generator=generator),
        "indices_latents": indices[1],
        "guidance": torch.full((batch,), 6000.0),
        "latents_clean": latents(CLEAN),
        "indices_latents_clean": torch.cat([indices[0], indices[2]]),
        "latents_history_2x": latents(HALF),
        "indices_latents_history_2x": indices[3],
        "latents_history_4x": latents(QUARTER),
        "indices_latents_history_4x": indices[4],
    }


def video_rows(visual: int, grid: Grid) -> Tensor:
    """The image is in front of the nearest frame of the history, which is in front of the section."""
    frames, height, width = grid
    patches = torch.arange(height * width)
    places = [CLEAN + frames - 1, *range(frames - 1, 0, -1)]
    return torch.cat([visual - place * height * width + patches for place in places])


def prompt_rows(given: dict[str, Tensor], video: int) -> Tensor:
    """The prompt is behind the image. Its padding does not count."""
    return IMAGE + torch.arange(int(given["encoder_attention_mask"][video].sum()))


ARCHITECTURES = {
    "hunyuan_video_framepack": Architecture(
        tiny_pipeline,
        tiny_transformer,
        blocks="transformer_blocks",
        attention="attn",
        video_rows=video_rows,
        text_rows="behind",
        prompt_rows=prompt_rows,
        inputs=inputs,
        start=refined_text,
        stream_uses_attention=False,
    )
}
SECTION = {"image": RED, "latent_window_size": 2, "num_frames": 5}
DISTILLED = {"guidance_scale": None}  # the default, which is an input of the model
PIPELINES = {
    "framepack": ("hunyuan_video_framepack", tiny_pipeline, {**SECTION, **DISTILLED}),
    "framepack-sections": ("hunyuan_video_framepack", tiny_pipeline, {**SECTION, "num_frames": 11}),
    "framepack-forward": (
        "hunyuan_video_framepack",
        tiny_pipeline,
        {**SECTION, "num_frames": 15, "sampling_type": "vanilla"},
    ),
}
UNEXPLAINED = ("framepack-sections", "framepack-forward")
GUIDANCE = {"true_cfg_scale": 3.0, "negative_prompt": "a blue dog"}
GUIDED = {"framepack": ("hunyuan_video_framepack", tiny_pipeline, {**SECTION, **GUIDANCE})}

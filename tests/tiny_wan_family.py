"""Tiny stock pipelines of models that are derived from Wan, with random weights."""

from __future__ import annotations

import torch
from diffusers import (
    ChronoEditPipeline,
    ChronoEditTransformer3DModel,
    SkyReelsV2DiffusionForcingImageToVideoPipeline,
    SkyReelsV2DiffusionForcingPipeline,
    SkyReelsV2ImageToVideoPipeline,
    SkyReelsV2Pipeline,
    SkyReelsV2Transformer3DModel,
    WanAnimatePipeline,
    WanAnimateTransformer3DModel,
    WanImageToVideoPipeline,
    WanPipeline,
    WanVACEPipeline,
    WanVACETransformer3DModel,
)
from torch import Tensor, nn

from tests.architecture import Architecture, Grid, latents_of
from tests.tiny import RED
from tests.tiny_wan import assembled, tiny_pipeline, tiny_transformer

IMAGE = {"in_channels": 12, "added_kv_proj_dim": 64, "image_dim": 16}
FIRST_FRAME = {"image": RED, "max_sequence_length": 512}  # with an image, the model requires 512 rows of text


def own_image(config: dict[str, object]) -> dict[str, object]:
    """`IMAGE`, with rows of an image as wide as the model."""
    return {**IMAGE, "added_kv_proj_dim": 16 * config.get("num_attention_heads", 4)}


def vace_transformer(**config: object) -> nn.Module:
    # Per latent: 4 channels that stay, 4 to be painted, and the 8 × 8 pixels of the mask.
    return tiny_transformer(WanVACETransformer3DModel, vace_layers=[0, 2], vace_in_channels=4 + 4 + 64, **config)


def vace_inputs(batch: int, text: int, grid: Grid) -> dict[str, Tensor]:
    """A control video of noise, as long as the video of 4 × 6 latents."""
    generator = torch.Generator().manual_seed(4)
    return {"control_hidden_states": torch.randn(batch, 72, *latents_of(grid), generator=generator)}


def animate_transformer(**config: object) -> nn.Module:
    """A motion encoder for faces of 16 × 16 pixels, and a face adapter after every block."""
    return tiny_transformer(
        WanAnimateTransformer3DModel,
        **own_image(config),
        latent_channels=4,
        motion_encoder_channel_sizes={"4": 8, "8": 8, "16": 8},
        motion_encoder_size=16,
        motion_style_dim=8,
        motion_dim=4,
        motion_encoder_dim=16,
        face_encoder_hidden_dim=16,
        face_encoder_num_heads=2,
        inject_face_latents_blocks=1,
        **config,
    )


def animate_inputs(batch: int, text: int, grid: Grid) -> dict[str, Tensor]:
    """Latents of a picture and of frames, a pose, a face, and an image behind which the text has 512 rows."""
    frames, height, width = latents_of(grid)
    generator = torch.Generator().manual_seed(4)
    rows = torch.zeros(batch, 512, 32)
    rows[:, :text] = torch.randn(batch, text, 32, generator=generator)
    return {
        "hidden_states": torch.randn(batch, 12, frames + 1, height, width, generator=generator),
        "encoder_hidden_states": rows,
        "encoder_hidden_states_image": torch.randn(batch, 5, 16, generator=generator),
        "pose_hidden_states": torch.randn(batch, 4, frames, height, width, generator=generator),
        "face_pixel_values": torch.randn(batch, 3, 4 * frames - 3, 16, 16, generator=generator),
    }


def skyreels_transformer(**config: object) -> nn.Module:
    return tiny_transformer(SkyReelsV2Transformer3DModel, **config)


def forcing_transformer(**config: object) -> nn.Module:
    return skyreels_transformer(inject_sample_info=True, **config)


def forcing_inputs(batch: int, text: int, grid: Grid) -> dict[str, object]:
    """Frames at different noise."""
    return {
        "timestep": torch.linspace(100, 900, grid[0]).long().expand(batch, -1),
        "enable_diffusion_forcing": True,
        "fps": [1],
    }


def chronoedit_transformer(**config: object) -> nn.Module:
    return tiny_transformer(ChronoEditTransformer3DModel, **own_image(config), **config)


def image_inputs(batch: int, text: int, grid: Grid) -> dict[str, Tensor]:
    """Latents with a first frame, and an image behind which the text has 512 rows."""
    generator = torch.Generator().manual_seed(4)
    rows = torch.zeros(batch, 512, 32)
    rows[:, :text] = torch.randn(batch, text, 32, generator=generator)
    return {
        "hidden_states": torch.randn(batch, 12, *latents_of(grid), generator=generator),
        "encoder_hidden_states": rows,
        "encoder_hidden_states_image": torch.randn(batch, 5, 16, generator=generator),
    }


WAN = {"blocks": "blocks", "attention": "attn2", "prompt_only": True}


def vace_pipeline() -> WanVACEPipeline:
    return assembled(WanVACEPipeline, transformer=vace_transformer())


def animate_pipeline() -> WanAnimatePipeline:
    return assembled(WanAnimatePipeline, transformer=animate_transformer())


def skyreels_pipeline() -> SkyReelsV2Pipeline:
    return assembled(SkyReelsV2Pipeline, transformer=skyreels_transformer())


def forcing_pipeline() -> SkyReelsV2DiffusionForcingPipeline:
    return assembled(SkyReelsV2DiffusionForcingPipeline, transformer=forcing_transformer())


def chronoedit_pipeline() -> ChronoEditPipeline:
    return assembled(ChronoEditPipeline, transformer=chronoedit_transformer())


ARCHITECTURES = {
    "wan_vace": Architecture(vace_pipeline, vace_transformer, **WAN, inputs=vace_inputs),
    "wan_animate": Architecture(animate_pipeline, animate_transformer, **WAN, inputs=animate_inputs),
    "skyreels_v2": Architecture(forcing_pipeline, forcing_transformer, **WAN, inputs=forcing_inputs),
    "chronoedit": Architecture(chronoedit_pipeline, chronoedit_transformer, **WAN, inputs=image_inputs),
}

ACTOR = {
    **FIRST_FRAME,
    "pose_video": [RED] * 9,
    "face_video": [RED] * 9,
    "segment_frame_length": 9,
    "num_frames": None,
}
REASONING = {"enable_temporal_reasoning": True, "num_temporal_reasoning_steps": 3}  # all frames in all steps
PIPELINES = {
    "wan-text-5b": ("wan", lambda: patch_timesteps(WanPipeline), {}),
    "wan-image-5b": ("wan", lambda: patch_timesteps(WanImageToVideoPipeline), {"image": RED}),
    "vace-text": ("wan_vace", vace_pipeline, {}),
    "vace-references": ("wan_vace", vace_pipeline, {"reference_images": [RED, RED]}),
    "animate": ("wan_animate", animate_pipeline, ACTOR),
    "skyreels-text": ("skyreels_v2", skyreels_pipeline, {}),
    "skyreels-image": (
        "skyreels_v2",
        lambda: assembled(SkyReelsV2ImageToVideoPipeline, transformer=skyreels_transformer(**IMAGE)),
        FIRST_FRAME,
    ),
    "forcing-text": ("skyreels_v2", forcing_pipeline, {}),
    "forcing-text-asynchronous": ("skyreels_v2", forcing_pipeline, {"ar_step": 1}),
    "forcing-image": (
        "skyreels_v2",
        lambda: assembled(SkyReelsV2DiffusionForcingImageToVideoPipeline, transformer=forcing_transformer()),
        {"image": RED},
    ),
    "chronoedit": ("chronoedit", chronoedit_pipeline, {**FIRST_FRAME, **REASONING}),
}
UNEXPLAINED = ("vace-references", "animate", "forcing-text-asynchronous", "forcing-image")
NEGATIVE = {"guidance_scale": 5.0, "negative_prompt": "a blue dog"}
GUIDED = {
    kind: (*PIPELINES[kind][:2], {**PIPELINES[kind][2], **NEGATIVE})
    for kind in ("vace-text", "animate", "skyreels-text", "forcing-text", "chronoedit")
}


def patch_timesteps(pipeline_class: type) -> object:
    """A pipeline that gives each patch its own timestep, as Wan 2.2 5B does."""
    pipeline = tiny_pipeline(pipeline_class)
    pipeline.register_to_config(expand_timesteps=True)
    return pipeline

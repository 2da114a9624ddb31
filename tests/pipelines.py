"""The pipelines that can be traced, and the arguments of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from diffusers import (
    CogVideoXFunControlPipeline,
    CogVideoXImageToVideoPipeline,
    CogVideoXPipeline,
    CogVideoXVideoToVideoPipeline,
    WanImageToVideoPipeline,
    WanPipeline,
    WanVideoToVideoPipeline,
)

from tests import tiny_hunyuan_video, tiny_wan
from tests.architectures import NEWER
from tests.tiny import CALL, RED, tiny_pipeline
from tests.tiny_size import FRAMES

PROMPT = "a red cat running on grass"
ROTARY = {"use_rotary_positional_embeddings": True}


def generate(pipeline, prompt: str | list[str] = PROMPT, *, seed: int = 0, **call: object) -> np.ndarray:
    """Frames of a tiny run. Arguments that are None are omitted."""
    call = {name: value for name, value in {**CALL, **call}.items() if value is not None}
    return pipeline(prompt=prompt, generator=torch.Generator().manual_seed(seed), **call).frames


def frames_of(call: Mapping[str, Any]) -> int:
    """The number of frames that a call makes."""
    if "latent_window_size" in call:  # whole sections, behind an image
        window = call["latent_window_size"]
        return 1 + 4 * window * -(-call["num_frames"] // (4 * (window - 1) + 1))
    return call.get("num_frames") or FRAMES


def image_wan(**config: object) -> WanImageToVideoPipeline:
    return tiny_wan.tiny_pipeline(WanImageToVideoPipeline, in_channels=12, **config)


# Architecture, pipeline, and the arguments of its call.
PIPELINES = {
    "text-1.0-sincos": ("cogvideox", tiny_pipeline, {}),
    "text-1.0-rotary": ("cogvideox", lambda: tiny_pipeline(**ROTARY), {}),
    "text-1.5": ("cogvideox", lambda: tiny_pipeline(CogVideoXPipeline, **ROTARY, patch_size_t=2), {}),
    "image-1.0-learned": (
        "cogvideox",
        lambda: tiny_pipeline(
            CogVideoXImageToVideoPipeline, **ROTARY, in_channels=8, use_learned_positional_embeddings=True
        ),
        {"image": RED},
    ),
    "image-1.5": (
        "cogvideox",
        lambda: tiny_pipeline(CogVideoXImageToVideoPipeline, **ROTARY, in_channels=8, patch_size_t=2, ofs_embed_dim=16),
        {"image": RED},
    ),
    "video": (
        "cogvideox",
        lambda: tiny_pipeline(CogVideoXVideoToVideoPipeline, **ROTARY),
        {"video": [RED] * 9, "strength": 0.7, "num_frames": None},
    ),
    "control": (
        "cogvideox",
        lambda: tiny_pipeline(CogVideoXFunControlPipeline, **ROTARY, in_channels=8),
        {"control_video": [RED] * 9, "num_frames": None},
    ),
    "wan-text": ("wan", tiny_wan.tiny_pipeline, {}),
    "wan-text-2.2": ("wan", lambda: tiny_wan.tiny_pipeline(WanPipeline, stages=2), {}),
    # With an image, the model requires 512 rows of text.
    "wan-image": (
        "wan",
        lambda: image_wan(added_kv_proj_dim=64, image_dim=16),
        {"image": RED, "max_sequence_length": 512},
    ),
    "wan-image-2.2": ("wan", image_wan, {"image": RED}),
    "wan-video": (
        "wan",
        lambda: tiny_wan.tiny_pipeline(WanVideoToVideoPipeline),
        {"video": [RED] * 9, "num_frames": None},
    ),
    "hunyuan-text": ("hunyuan_video", tiny_hunyuan_video.tiny_pipeline, {}),
    "hunyuan-image-latents": (
        "hunyuan_video",
        lambda: tiny_hunyuan_video.tiny_image_pipeline(in_channels=9, image_condition_type="latent_concat"),
        {"image": RED},
    ),
    "hunyuan-image-tokens": (
        "hunyuan_video",
        lambda: tiny_hunyuan_video.tiny_image_pipeline(image_condition_type="token_replace"),
        {"image": RED},
    ),
}

for family in NEWER:
    PIPELINES |= family.PIPELINES

UNEXPLAINED = ["control", *(kind for family in NEWER for kind in family.UNEXPLAINED)]
EXPLAINED = [kind for kind in PIPELINES if kind not in UNEXPLAINED]
"""The pipelines that need nothing but a real video and a prompt."""

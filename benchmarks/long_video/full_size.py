"""Full-size pipelines on the meta device: they have the published configurations, and neither weights nor values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    AutoencoderKLHunyuanVideo,
    AutoencoderKLWan,
    CogVideoXDDIMScheduler,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
    FlowMatchEulerDiscreteScheduler,
    HunyuanVideoPipeline,
    HunyuanVideoTransformer3DModel,
    WanPipeline,
    WanTransformer3DModel,
)
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.memory import MODELS as COGVIDEOX
from benchmarks.shapes import TEXT_TOKENS
from imap_fast.explaining.windows import Windows
from imap_fast.models.adapter import Adapter
from imap_fast.models.real_video.base import VideoForward
from imap_fast.models.registry import adapter_for


def cogvideox(**config: Any) -> CogVideoXPipeline:
    """CogVideoX, with the configuration of its transformer where it differs from the default of diffusers."""
    transformer, vae = CogVideoXTransformer3DModel(**config), AutoencoderKLCogVideoX()
    return CogVideoXPipeline(None, None, vae, transformer, CogVideoXDDIMScheduler())


def wan(**config: Any) -> WanPipeline:
    """Wan 2.1, likewise."""
    transformer, vae = WanTransformer3DModel(**config), AutoencoderKLWan()
    return WanPipeline(None, None, vae, FlowMatchEulerDiscreteScheduler(), transformer)


def hunyuan_video() -> HunyuanVideoPipeline:
    """HunyuanVideo, the default of diffusers."""
    transformer, vae = HunyuanVideoTransformer3DModel(), AutoencoderKLHunyuanVideo()
    scheduler = FlowMatchEulerDiscreteScheduler()
    return HunyuanVideoPipeline(None, None, transformer, vae, scheduler, None, None)


FULL_SIZE: dict[str, Callable[[], Any]] = {
    "CogVideoX-2B": partial(cogvideox, **COGVIDEOX["2b"][0]),
    "CogVideoX-5B": partial(cogvideox, **COGVIDEOX["5b"][0]),
    "CogVideoX1.5-5B": partial(cogvideox, **COGVIDEOX["1.5-5b"][0]),
    "Wan 2.1 1.3B": partial(wan, num_attention_heads=12, ffn_dim=8960, num_layers=30),
    "Wan 2.1 14B": wan,
    "HunyuanVideo": hunyuan_video,
}

TEXT = {
    CogVideoXPipeline: {"prompt_embeds": (1, TEXT_TOKENS, 4096)},
    WanPipeline: {"prompt_embeds": (1, 512, 4096)},
    HunyuanVideoPipeline: {"prompt_embeds": (1, 256, 4096), "pooled": (1, 768), "mask": (1, 256)},
}
"""The shapes of what each pipeline makes of a prompt, by the attributes of its `VideoForward`."""


@dataclass(frozen=True)
class Window:
    """What a window of a model is, and what it costs.

    Attributes:
        forward: its pass.
        patch_size_t: latent frames of the VAE in one of the maps.
        encoder: FLOPs of the VAE.
        transformer: FLOPs of the pass up to the last published layer. Reading the maps adds less than a thousandth.
    """

    forward: VideoForward
    patch_size_t: int
    encoder: int
    transformer: int

    def windows(self, overlap: int | None) -> Windows:
        """The windows of a video. None: the overlap that is the default."""
        forward = self.forward
        return Windows(forward.num_frames, overlap, forward.temporal_compression, self.patch_size_t)


@torch.no_grad()
def counted(make: Callable[[], Any]) -> Window:
    """Pass a window through a pipeline, and count.

    Args:
        make: makes the pipeline. It is called with the meta device as the default one.
    """
    with torch.device("meta"):
        pipe = make()
    for module in pipe.components.values():
        if isinstance(module, nn.Module):
            module.eval()
    adapter: Adapter = adapter_for(pipe)
    forward = adapter.video_forward(None, None, None)
    for name, shape in TEXT[type(pipe)].items():
        setattr(forward, name, torch.empty(shape, device="meta"))
    frames = np.zeros((forward.num_frames, forward.height, forward.width, 3), np.uint8)
    with FlopCounterMode(display=False) as encoding:
        window = forward.encode(frames)
    # Noising is no product of matrices, and some schedulers look for values, which meta tensors do not have.
    forward.noised = lambda step, window: (window["latents"], torch.empty(1, device="meta"))
    with adapter.stopped_after(adapter.published_layers[-1]), FlopCounterMode(display=False) as passing:
        forward.forward(forward.default_step, window)
    return Window(forward, adapter.patch_size[0], encoding.get_total_flops(), passing.get_total_flops())

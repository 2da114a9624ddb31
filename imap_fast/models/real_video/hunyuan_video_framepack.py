"""The pass of a real video through HunyuanVideo Framepack."""

from __future__ import annotations

import math

import numpy as np
import torch
from diffusers.pipelines.hunyuan_video.pipeline_hunyuan_video_framepack import calculate_shift
from PIL import Image
from torch import Tensor

from imap_fast.models.real_video.hunyuan_video import GUIDANCE_SCALE, HunyuanVideoForward
from imap_fast.models.vae_compression import spatial_compression

FRAME_RATE = 30.0

HISTORY = 1, 2, 16
"""Latent frames of the history at full, half and quarter resolution."""

HIGHEST_SHIFT = math.log(7.0)
"""The largest shift that its pipeline gives the scheduler."""


class FramepackForward(HunyuanVideoForward):
    """See `VideoForward`. A window is a section that begins a video: its first frame is the image."""

    pipelines = ("HunyuanVideoFramepackPipeline",)
    step_of = (20, 50)
    is_published = False

    @property
    def clip(self) -> tuple[int, int, int]:
        return 37, 720, 1280

    @property
    def fps(self) -> float:
        return FRAME_RATE

    @property
    def text_sees_video(self) -> bool:
        return False

    def set_timesteps(self) -> None:
        """Compute the schedule of a default section, on whose size it depends."""
        latents, config = spatial_compression(self.pipeline) * self.patch_size, self.scheduler.config
        tokens = (self.num_frames - 1) // self.temporal_compression * (self.height // latents) * (self.width // latents)
        shift = calculate_shift(
            tokens,
            config.get("base_image_seq_len", 256),
            config.get("max_image_seq_len", 4096),
            config.get("base_shift", 0.5),
            config.get("max_shift", 1.15),
        )
        sigmas = np.linspace(1.0, 0.0, self.num_inference_steps + 1)[:-1]
        self.scheduler.set_timesteps(sigmas=sigmas, mu=min(shift, HIGHEST_SHIFT))

    def encode(self, frames: np.ndarray) -> dict[str, Tensor]:
        pipeline = self.pipeline
        if len(frames) <= self.temporal_compression:
            raise ValueError(
                f"a window of {len(frames)} frames has no latent frame behind its first one, which Framepack takes as "
                f"an image; give at least {self.temporal_compression + 1} frames to a shot"
            )
        image = pipeline.video_processor.preprocess(Image.fromarray(frames[0]), self.height, self.width)
        return {
            "latents": self.encode_pixels(self.encoder.pixels(frames))[:, :, 1:],
            "first_frame": self.encode_pixels(self.encoder.pixels(frames[:1])),
            "image": pipeline.encode_image(image, device=pipeline._execution_device),
        }

    def forward(self, step: int, window: dict[str, Tensor]) -> None:
        section, timestep = self.noised(step, window)
        transformer, windows = self.pipeline.transformer, len(section)
        dtype = transformer.dtype
        clean, half, quarter = (section.new_zeros(*section.shape[:2], size, *section.shape[3:]) for size in HISTORY)
        indices = torch.arange(1 + section.shape[2] + sum(HISTORY)).split([1, section.shape[2], *HISTORY])
        transformer(
            hidden_states=section.to(dtype),
            timestep=timestep.to(section.dtype),
            encoder_hidden_states=self.prompt_embeds.to(dtype).expand(windows, -1, -1),
            encoder_attention_mask=self.mask.to(dtype).expand(windows, -1),
            pooled_projections=self.pooled.to(dtype).expand(windows, -1),
            image_embeds=window["image"].to(dtype),
            indices_latents=indices[1],
            guidance=torch.full((windows,), GUIDANCE_SCALE * 1000, dtype=dtype, device=section.device),
            latents_clean=torch.cat([window["first_frame"], clean], dim=2).to(dtype),
            indices_latents_clean=torch.cat([indices[0], indices[2]]),
            latents_history_2x=half.to(dtype),
            indices_latents_history_2x=indices[3],
            latents_history_4x=quarter.to(dtype),
            indices_latents_history_4x=indices[4],
            return_dict=False,
        )

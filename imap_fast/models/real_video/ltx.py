"""The pass of a real video through LTX-Video."""

from __future__ import annotations

import numpy as np
import torch
from diffusers.pipelines.ltx.pipeline_ltx import calculate_shift
from torch import Tensor

from imap_fast.models.real_video.base import VideoForward, is_one_of
from imap_fast.models.vae_compression import spatial_compression

FRAME_RATE = 25.0


class LTXForward(VideoForward):
    """See `VideoForward`. The schedule is that of a default clip: it depends on the number of tokens."""

    pipelines = ("LTXPipeline", "LTXImageToVideoPipeline")
    step_of = (20, 50)
    is_published = False

    @property
    def clip(self) -> tuple[int, int, int]:
        return 161, 512, 704

    @property
    def fps(self) -> float:
        return FRAME_RATE

    def set_timesteps(self) -> None:
        pixels, config, steps = spatial_compression(self.pipeline), self.scheduler.config, self.num_inference_steps
        frames = (self.num_frames - 1) // self.temporal_compression + 1
        shift = calculate_shift(
            frames * (self.height // pixels) * (self.width // pixels),
            config.get("base_image_seq_len", 256),
            config.get("max_image_seq_len", 4096),
            config.get("base_shift", 0.5),
            config.get("max_shift", 1.15),
        )
        self.scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), mu=shift)

    def encode_text(self, prompt: str, first_frame: np.ndarray) -> None:
        pipeline = self.pipeline
        self.prompt_embeds, self.mask, *_ = pipeline.encode_prompt(
            prompt, do_classifier_free_guidance=False, device=pipeline._execution_device
        )

    def encode(self, frames: np.ndarray) -> dict[str, Tensor]:
        window = {"latents": self.encode_pixels(self.encoder.pixels(frames))}
        if is_one_of(self.pipeline, ("LTXImageToVideoPipeline",)):
            window["first_frame"] = self.encode_pixels(self.encoder.pixels(frames[:1]))
        return window

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        """Encode pixels `[1, 3, T, H, W]` in [-1, 1] to the mode of their latents, `[1, C, F, H, W]`, normalized."""
        vae, latents = self.pipeline.vae, self.encoder.encode(pixels).float()
        return self.pipeline._normalize_latents(latents, vae.latents_mean, vae.latents_std, vae.config.scaling_factor)

    def forward(self, step: int, window: dict[str, Tensor]) -> None:
        latents, timestep = self.noised(step, window)
        if "first_frame" in window:
            # It is clean, and each token has its own timestep.
            latents = torch.cat([window["first_frame"], latents[:, :, 1:]], dim=2)
            noisy = torch.ones_like(latents[:, :1])
            noisy[:, :, 0] = 0
            timestep = timestep[:, None] * self.packed(noisy).squeeze(-1)
        transformer, pixels = self.pipeline.transformer, spatial_compression(self.pipeline)
        frames, height, width = latents.shape[2:]
        transformer(
            hidden_states=self.packed(latents).to(self.prompt_embeds.dtype),
            encoder_hidden_states=self.prompt_embeds.expand(len(latents), -1, -1),
            timestep=timestep,
            encoder_attention_mask=self.mask.expand(len(latents), -1),
            num_frames=frames,
            height=height,
            width=width,
            rope_interpolation_scale=(self.temporal_compression / FRAME_RATE, pixels, pixels),
            return_dict=False,
        )

    def packed(self, latents: Tensor) -> Tensor:
        """The tokens `[B, N, C]` of latents `[B, C, F, H, W]`."""
        return self.pipeline._pack_latents(latents, self.config.patch_size, self.config.patch_size_t)

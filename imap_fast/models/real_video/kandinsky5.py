"""The pass of a real video through Kandinsky 5."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from imap_fast.models.real_video.base import VideoForward, is_one_of

FRAME_RATE = 24.0


class Kandinsky5Forward(VideoForward):
    """See `VideoForward`."""

    pipelines = ("Kandinsky5T2VPipeline", "Kandinsky5I2VPipeline")
    step_of = (20, 50)
    is_published = False

    @property
    def clip(self) -> tuple[int, int, int]:
        return 121, 512, 768

    @property
    def fps(self) -> float:
        return FRAME_RATE

    @property
    def patch_size(self) -> int:
        return self.config.patch_size[-1]

    @property
    def latent_channels(self) -> int:
        return self.config.out_visual_dim

    def encode_text(self, prompt: str, first_frame: np.ndarray) -> None:
        pipeline = self.pipeline
        self.text, self.pooled, _ = pipeline.encode_prompt(
            prompt, device=pipeline._execution_device, dtype=pipeline.transformer.dtype
        )

    def encode(self, frames: np.ndarray) -> dict[str, Tensor]:
        window = {"latents": self.encode_pixels(self.encoder.pixels(frames))}
        if is_one_of(self.pipeline, ("Kandinsky5I2VPipeline",)):
            window["first_frame"] = self.encode_pixels(self.encoder.pixels(frames[:1]))
        return window

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        """Encode pixels `[1, 3, T, H, W]` in [-1, 1] to the mode of their latents, `[1, F, H, W, C]`, scaled."""
        latents = self.encoder.encode(pixels) * self.pipeline.vae.config.scaling_factor
        return latents.permute(0, 2, 3, 4, 1).to(self.pipeline.transformer.dtype)

    def forward(self, step: int, window: dict[str, Tensor]) -> None:
        latents, timestep = self.noised(step, window)
        pipeline, transformer, dtype = self.pipeline, self.pipeline.transformer, self.pipeline.transformer.dtype
        is_given = torch.zeros_like(latents[..., :1])
        if "first_frame" in window:
            latents = torch.cat([window["first_frame"], latents[:, 1:]], dim=1)
            is_given[:, :1] = 1
        if self.config.visual_cond:
            latents = torch.cat([latents, torch.zeros_like(latents), is_given], dim=-1)
        patches = (size // patch for size, patch in zip(latents.shape[1:4], self.config.patch_size, strict=True))
        transformer(
            hidden_states=latents.to(dtype),
            encoder_hidden_states=self.text.expand(len(latents), -1, -1),
            pooled_projections=self.pooled.expand(len(latents), -1),
            timestep=timestep.to(dtype),
            visual_rope_pos=[torch.arange(size, device=latents.device) for size in patches],
            text_rope_pos=torch.arange(self.text.shape[1], device=latents.device),
            scale_factor=pipeline._get_scale_factor(self.height, self.width),
            sparse_params=pipeline.get_sparse_params(latents, latents.device),
            return_dict=True,
        )

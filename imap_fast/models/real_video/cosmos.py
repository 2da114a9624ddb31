"""The pass of a real video through Cosmos Predict 1."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from torch import Tensor

from imap_fast.models.real_video.base import VideoForward
from imap_fast.models.real_video.encoder import Encoder

FRAME_RATE = 30.0


class CosmosForward(VideoForward):
    """See `VideoForward`."""

    pipelines = ("CosmosTextToWorldPipeline",)
    step_of = (14, 36)
    is_published = False

    @property
    def clip(self) -> tuple[int, int, int]:
        return 121, 704, 1280

    @property
    def fps(self) -> float:
        return FRAME_RATE

    @property
    def patch_size(self) -> int:
        return self.config.patch_size[-1]

    @property
    def frames_of_statistics(self) -> int:
        """The number of latent frames that the VAE has a mean and a standard deviation for."""
        config = self.pipeline.vae.config
        return len(config.latents_mean) // config.latent_channels

    def _encoder(self, vae: str | os.PathLike | Any) -> Encoder:
        own = self.pipeline.vae
        is_other = own is not None and vae is not None and vae is not own
        if is_other and own.config.latents_mean is not None:
            raise ValueError("the VAE of Cosmos normalizes each frame by itself, which no other one does; omit vae=")
        return super()._encoder(vae)

    def encode_text(self, prompt: str, first_frame: np.ndarray) -> None:
        pipeline = self.pipeline
        self.prompt_embeds, _ = pipeline.encode_prompt(
            prompt, do_classifier_free_guidance=False, device=pipeline._execution_device
        )

    def encode(self, frames: np.ndarray) -> dict[str, Tensor]:
        return {"latents": self.normalized(self.encoder.encode(self.encoder.pixels(frames)).float())}

    def normalized(self, latents: Tensor) -> Tensor:
        """Normalize latents `[1, C, F, H, W]`. The VAE has a mean and a standard deviation for each frame, or none."""
        config, data = self.pipeline.vae.config, self.scheduler.config.sigma_data
        if config.latents_mean is None:
            return latents * data
        frames, size = latents.shape[2], (1, config.latent_channels, -1, 1, 1)
        if 1 < self.frames_of_statistics < frames:
            most = (self.frames_of_statistics - 1) * self.temporal_compression + 1
            raise ValueError(f"the VAE of Cosmos has no statistics for so many frames in a window; give window={most}")
        mean, std = (
            latents.new_tensor(row).view(size)[:, :, :frames] for row in (config.latents_mean, config.latents_std)
        )
        return (latents - mean) * data / std

    def forward(self, step: int, window: dict[str, Tensor]) -> None:
        latents, timestep = self.noised(step, window)
        transformer = self.pipeline.transformer
        transformer(
            hidden_states=latents.to(transformer.dtype),
            timestep=timestep.to(transformer.dtype),
            encoder_hidden_states=self.prompt_embeds.expand(len(latents), -1, -1),
            fps=int(FRAME_RATE),
            padding_mask=latents.new_zeros(1, 1, self.height, self.width, dtype=transformer.dtype),
            return_dict=False,
        )

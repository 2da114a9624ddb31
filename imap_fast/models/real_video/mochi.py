"""The pass of a real video through Mochi."""

from __future__ import annotations

import numpy as np
from diffusers.pipelines.mochi.pipeline_mochi import linear_quadratic_schedule
from torch import Tensor

from imap_fast.models.real_video.base import VideoForward

FRAME_RATE = 30.0
THRESHOLD_NOISE = 0.025
"""Of the schedule of its pipeline."""


class MochiForward(VideoForward):
    """See `VideoForward`. Its timesteps go up from 0, which is noise, to 1000."""

    pipelines = ("MochiPipeline",)
    step_of = (26, 64)
    is_published = False

    @property
    def clip(self) -> tuple[int, int, int]:
        return 85, 480, 848

    @property
    def fps(self) -> float:
        return FRAME_RATE

    def set_timesteps(self) -> None:
        if self.num_inference_steps < 2:
            raise ValueError(f"num_inference_steps={self.num_inference_steps} is too few for Mochi's schedule; give 2")
        sigmas = linear_quadratic_schedule(self.num_inference_steps, THRESHOLD_NOISE)
        self.scheduler.set_timesteps(sigmas=np.array(sigmas))

    def encode_text(self, prompt: str, first_frame: np.ndarray) -> None:
        pipeline = self.pipeline
        self.prompt_embeds, self.mask, *_ = pipeline.encode_prompt(
            prompt, do_classifier_free_guidance=False, device=pipeline._execution_device
        )

    def encode(self, frames: np.ndarray) -> dict[str, Tensor]:
        latents = self.encoder.encode(self.encoder.pixels(frames)).float()
        config = self.pipeline.vae.config
        if config.latents_mean is None or config.latents_std is None:
            return {"latents": latents * config.scaling_factor}
        mean, std = (latents.new_tensor(row)[:, None, None, None] for row in (config.latents_mean, config.latents_std))
        return {"latents": (latents - mean) * config.scaling_factor / std}

    def noised(self, step: int, window: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        timestep = self.scheduler.timesteps[step]
        clean = timestep / self.scheduler.config.num_train_timesteps
        latents = window["latents"] * clean + window["noise"] * (1 - clean)
        return latents, timestep.to(latents.device).expand(len(latents))

    def forward(self, step: int, window: dict[str, Tensor]) -> None:
        latents, timestep = self.noised(step, window)
        dtype = self.prompt_embeds.dtype
        self.pipeline.transformer(
            hidden_states=latents.to(dtype),
            encoder_hidden_states=self.prompt_embeds.expand(len(latents), -1, -1),
            timestep=timestep.to(dtype),
            encoder_attention_mask=self.mask.expand(len(latents), -1),
            return_dict=False,
        )

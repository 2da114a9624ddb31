"""The pass of a real video through EasyAnimate."""

from __future__ import annotations

import numpy as np
from diffusers import AutoencoderKLMagvit, FlowMatchEulerDiscreteScheduler
from torch import Tensor

from imap_fast.models.real_video.base import VideoForward

FRAME_RATE = 8.0


class EasyAnimateForward(VideoForward):
    """See `VideoForward`."""

    pipelines = ("EasyAnimatePipeline",)
    step_of = (20, 50)
    is_published = False

    @property
    def clip(self) -> tuple[int, int, int]:
        return 49, 512, 512

    @property
    def fps(self) -> float:
        return FRAME_RATE

    def set_timesteps(self) -> None:
        shift = {"mu": 1} if isinstance(self.scheduler, FlowMatchEulerDiscreteScheduler) else {}
        self.scheduler.set_timesteps(self.num_inference_steps, **shift)

    def encode_text(self, prompt: str, first_frame: np.ndarray) -> None:
        pipeline = self.pipeline
        self.prompt_embeds, *_ = pipeline.encode_prompt(
            prompt, do_classifier_free_guidance=False, device=pipeline._execution_device
        )

    def encode(self, frames: np.ndarray) -> dict[str, Tensor]:
        if isinstance(self.encoder.vae, AutoencoderKLMagvit):
            # An encoding that was interrupted leaves frames behind, which would come before these.
            self.encoder.vae._clear_conv_cache()
        latents = self.encoder.encode(self.encoder.pixels(frames))
        return {"latents": latents.to(self.pipeline.transformer.dtype) * self.pipeline.vae.config.scaling_factor}

    def forward(self, step: int, window: dict[str, Tensor]) -> None:
        latents, timestep = self.noised(step, window)
        dtype = self.pipeline.transformer.dtype
        self.pipeline.transformer(
            hidden_states=latents.to(dtype),
            timestep=timestep.to(dtype),
            encoder_hidden_states=self.prompt_embeds.expand(len(latents), -1, -1),
            return_dict=False,
        )

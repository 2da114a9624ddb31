"""The pass of a real video through HunyuanVideo."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imap_fast.models.real_video.base import VideoForward

GUIDANCE_SCALE = 6.0
"""The default of the text-to-video pipeline. The distilled model takes it as an input."""


class HunyuanVideoForward(VideoForward):
    """See `VideoForward`."""

    pipelines: ClassVar[tuple[str, ...]] = ("HunyuanVideoPipeline", "HunyuanVideoImageToVideoPipeline")
    step_of = (20, 30)

    @property
    def clip(self) -> tuple[int, int, int]:
        return 49, 480, 720

    @property
    def fps(self) -> float:
        return 24.0

    def set_timesteps(self) -> None:
        steps = self.num_inference_steps
        self.scheduler.set_timesteps(sigmas=np.linspace(1.0, 0.0, steps + 1)[:-1])

    @property
    def text_sees_video(self) -> bool:
        return self.config.image_condition_type is not None

    def encode_text(self, prompt: str, first_frame: np.ndarray) -> None:
        pipeline, device = self.pipeline, self.pipeline._execution_device
        # As in the image-to-video pipeline: fewer image rows if the first frame is given as tokens.
        interleave = {"latent_concat": 2, "token_replace": 4}
        image = {}
        if self.text_sees_video:
            image = {
                "image": Image.fromarray(first_frame),
                "image_embed_interleave": interleave[self.config.image_condition_type],
            }
        self.prompt_embeds, self.pooled, self.mask = pipeline.encode_prompt(prompt=prompt, device=device, **image)

    def encode(self, frames: np.ndarray) -> dict[str, Tensor]:
        window = {"latents": self.encode_pixels(self.encoder.pixels(frames))}
        if self.config.image_condition_type is not None:
            window["first_frame"] = self.encode_pixels(self.encoder.pixels(frames[:1]))
        return window

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        """Encode pixels `[1, 3, T, H, W]` in [-1, 1] to the mode of their latents, `[1, C, F, H, W]`, scaled."""
        return self.encoder.encode(pixels).float() * self.pipeline.vae.config.scaling_factor

    def conditioned(self, latents: Tensor, window: dict[str, Tensor]) -> Tensor:
        """The noisy latents, with the first frame if the checkpoint is image-to-video."""
        if self.config.image_condition_type == "token_replace":
            return torch.cat([window["first_frame"], latents[:, :, 1:]], dim=2)
        if self.config.image_condition_type == "latent_concat":
            image, mask = torch.zeros_like(latents), torch.zeros_like(latents[:, :1])
            image[:, :, :1], mask[:, :, :1] = window["first_frame"], 1.0
            return torch.cat([latents, image, mask], dim=1)
        return latents

    def forward(self, step: int, window: dict[str, Tensor]) -> None:
        latents, timestep = self.noised(step, window)
        transformer, windows = self.pipeline.transformer, len(latents)
        dtype = transformer.dtype
        transformer(
            hidden_states=self.conditioned(latents, window).to(dtype),
            timestep=timestep.to(latents.dtype),
            encoder_hidden_states=self.prompt_embeds.to(dtype).expand(windows, -1, -1),
            encoder_attention_mask=self.mask.to(dtype).expand(windows, -1),
            pooled_projections=self.pooled.to(dtype).expand(windows, -1),
            guidance=torch.full((windows,), GUIDANCE_SCALE * 1000, dtype=dtype, device=latents.device),
            return_dict=False,
        )

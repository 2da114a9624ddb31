"""The pass of a real video through LTX-Video."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from diffusers.pipelines.ltx.pipeline_ltx import calculate_shift
from torch import Tensor

from imap_fast.models.real_video.base import VideoForward, is_one_of
from imap_fast.models.vae_compression import spatial_compression

FRAME_RATE = 25.0


class LTXForward(VideoForward):
    """See `VideoForward`. The schedule is that of a default clip: it depends on the number of tokens.

    Attributes:
        image_pipelines: names of those pipelines that are conditioned on the first frame.
        shift_of_tokens: how the schedule depends on the number of tokens, if the scheduler does not say.
        frame_rate: of the clips for which the model was made.
    """

    pipelines: ClassVar[tuple[str, ...]] = ("LTXPipeline", "LTXImageToVideoPipeline")
    image_pipelines: ClassVar[tuple[str, ...]] = ("LTXImageToVideoPipeline",)
    step_of = (20, 50)
    is_published = False
    shift_of_tokens: ClassVar[dict[str, float]] = {
        "base_image_seq_len": 256,
        "max_image_seq_len": 4096,
        "base_shift": 0.5,
        "max_shift": 1.15,
    }
    frame_rate: ClassVar[float] = FRAME_RATE

    @property
    def clip(self) -> tuple[int, int, int]:
        return 161, 512, 704

    @property
    def fps(self) -> float:
        return self.frame_rate

    def set_timesteps(self) -> None:
        pixels, config, steps = spatial_compression(self.pipeline), self.scheduler.config, self.num_inference_steps
        frames = (self.num_frames - 1) // self.temporal_compression + 1
        shift = calculate_shift(
            frames * (self.height // pixels) * (self.width // pixels),
            *(config.get(name, own) for name, own in self.shift_of_tokens.items()),
        )
        self.scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), mu=shift)

    def encode_text(self, prompt: str, first_frame: np.ndarray) -> None:
        pipeline = self.pipeline
        self.prompt_embeds, self.mask, *_ = pipeline.encode_prompt(
            prompt, do_classifier_free_guidance=False, device=pipeline._execution_device
        )

    def encode(self, frames: np.ndarray) -> dict[str, Tensor]:
        window = {"latents": self.encode_pixels(self.encoder.pixels(frames))}
        if is_one_of(self.pipeline, self.image_pipelines):
            window["first_frame"] = self.encode_pixels(self.encoder.pixels(self.first_frame(frames)))
        return window

    def first_frame(self, frames: np.ndarray) -> np.ndarray:
        """The first of the frames `[T, H, W, 3]`, as the pipeline encodes it: `[1, H, W, 3]`."""
        return frames[:1]

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
        transformer = self.pipeline.transformer
        frames, height, width = latents.shape[2:]
        transformer(
            hidden_states=self.packed(latents).to(self.prompt_embeds.dtype),
            encoder_hidden_states=self.prompt_embeds.expand(len(latents), -1, -1),
            timestep=timestep,
            encoder_attention_mask=self.mask.expand(len(latents), -1),
            num_frames=frames,
            height=height,
            width=width,
            return_dict=False,
            **self.further_inputs(latents, timestep),
        )

    def further_inputs(self, latents: Tensor, timestep: Tensor) -> dict[str, Any]:
        """Arguments of the transformer that only this version of the model has."""
        pixels = spatial_compression(self.pipeline)
        return {"rope_interpolation_scale": (self.temporal_compression / self.frame_rate, pixels, pixels)}

    def packed(self, latents: Tensor) -> Tensor:
        """The tokens `[B, N, C]` of latents `[B, C, F, H, W]`."""
        return self.pipeline._pack_latents(latents, self.config.patch_size, self.config.patch_size_t)

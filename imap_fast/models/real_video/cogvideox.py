"""The pass of a real video through CogVideoX."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from imap_fast.models.real_video.base import VideoForward


class CogVideoXForward(VideoForward):
    """See `VideoForward`."""

    pipelines = ("CogVideoXPipeline", "CogVideoXImageToVideoPipeline", "CogVideoXVideoToVideoPipeline")
    step_of = (30, 50)
    time_dim = 1

    @property
    def clip(self) -> tuple[int, int, int]:
        scale, config = self.pipeline.vae_scale_factor_spatial, self.config
        return config.sample_frames, config.sample_height * scale, config.sample_width * scale

    @property
    def fps(self) -> float:
        return 8.0 if self.config.patch_size_t is None else 16.0  # CogVideoX 1.5

    def encode_text(self, prompt: str, first_frame: np.ndarray) -> None:
        self.prompt_embeds, _ = self.pipeline.encode_prompt(
            prompt,
            do_classifier_free_guidance=False,
            max_sequence_length=self.config.max_text_seq_length,
            device=self.pipeline._execution_device,
        )

    def encode(self, frames: np.ndarray) -> dict[str, Tensor]:
        dtype, pixels = self.prompt_embeds.dtype, self.encoder.pixels(frames)
        latents = self.encode_pixels(pixels) * self.pipeline.vae_scaling_factor_image
        # CogVideoX 1.5 needs complete temporal patches. Like its pipelines, pad in front.
        padding = -latents.shape[1] % (self.config.patch_size_t or 1)
        latents = torch.cat([latents[:, :1]] * padding + [latents], dim=1).to(dtype)
        window = {"latents": latents}
        if self.config.in_channels == 2 * latents.shape[2]:
            window["condition"] = self.condition_on(pixels[:, :, :1], latents).to(dtype)
        return window

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        """Encode pixels `[1, 3, T, H, W]` in [-1, 1] to the mode of their latents, `[1, F, C, H, W]`, not scaled."""
        return self.encoder.encode(pixels).transpose(1, 2)

    def condition_on(self, first_frame: Tensor, latents: Tensor) -> Tensor:
        """The latents that condition an image-to-video checkpoint: the first frame, then zeros."""
        pipeline = self.pipeline
        factor = pipeline.vae_scaling_factor_image
        image = self.encode_pixels(first_frame) * (1 / factor if pipeline.vae.config.invert_scale_latents else factor)
        return torch.cat([image, torch.zeros_like(latents[:, 1:])], dim=1)

    def forward(self, step: int, window: dict[str, Tensor]) -> None:
        latents, timestep = self.noised(step, window)
        rotary = None
        if self.config.use_rotary_positional_embeddings:
            rotary = self.pipeline._prepare_rotary_positional_embeddings(
                self.height, self.width, latents.shape[1], latents.device
            )
        if "condition" in window:
            latents = torch.cat([latents, window["condition"]], dim=2)
        # CogVideoX 1.5 image-to-video embeds this constant. Its pipeline passes the same value.
        ofs = {} if self.config.ofs_embed_dim is None else {"ofs": latents.new_full((1,), 2.0)}
        self.pipeline.transformer(
            hidden_states=latents,
            encoder_hidden_states=self.prompt_embeds.expand(len(latents), -1, -1),
            timestep=timestep,
            image_rotary_emb=rotary,
            return_dict=False,
            **ofs,
        )

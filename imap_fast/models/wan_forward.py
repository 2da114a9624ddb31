"""A real video through Wan 2.1 and 2.2."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imap_fast.models.video_forward import VideoForward

TEXT_LENGTH = 512


class WanForward(VideoForward):
    """See `VideoForward`. Wan 2.2's two transformers each take the steps on their side of the boundary."""

    pipelines = ("WanPipeline", "WanImageToVideoPipeline", "WanVideoToVideoPipeline")
    published = (20, 50)

    @property
    def clip(self) -> tuple[int, int, int]:
        return 49, 480, 832

    @property
    def patch_size(self) -> int:
        return self.config.patch_size[-1]

    def encode(self, prompt: str, frames: np.ndarray, generator: torch.Generator) -> None:
        pipeline, device = self.pipeline, self.pipeline._execution_device
        self.prompt_embeds, _ = pipeline.encode_prompt(
            prompt, do_classifier_free_guidance=False, max_sequence_length=TEXT_LENGTH, device=device
        )
        pixels = self.pixels(frames)
        self.latents = self.normalized(pipeline.vae.encode(pixels).latent_dist.mode().float())
        self.draw_noise(generator)
        self.condition = self.image_embeds = None
        # Which frames are noise: all but the first where Wan 2.2's 5B is given that one.
        self.noisy = torch.ones_like(self.latents[:1, :1])
        if "ImageToVideo" in type(pipeline).__name__:
            self.condition_on(pixels[:, :, 0].float(), frames[0])

    def normalized(self, latents: Tensor) -> Tensor:
        """Latents `[1, C, F, H, W]` of the VAE, less its mean, by its standard deviation."""
        config = self.pipeline.vae.config
        mean, std = (latents.new_tensor(row)[:, None, None, None] for row in (config.latents_mean, config.latents_std))
        return (latents - mean) / std

    def condition_on(self, first_frame: Tensor, image: np.ndarray) -> None:
        """What an image-to-video checkpoint takes beside the noisy latents: the first frame, and its CLIP embedding."""
        pipeline = self.pipeline
        _, self.condition, *noisy = pipeline.prepare_latents(
            first_frame,
            batch_size=1,
            height=self.height,
            width=self.width,
            num_frames=(self.latents.shape[2] - 1) * self.temporal_compression + 1,
            dtype=torch.float32,
            device=self.latents.device,
            latents=self.latents,
        )
        if noisy:
            self.noisy = noisy[0]
        if self.config.image_dim is not None:
            self.image_embeds = pipeline.encode_image(Image.fromarray(image), self.latents.device)

    def forward(self, step: int) -> None:
        latents, timestep = self.noised(step)
        transformer = self.transformer_at(timestep)
        if self.pipeline.config.get("expand_timesteps"):
            if self.condition is not None:
                latents = (1 - self.noisy) * self.condition + self.noisy * latents
            # One timestep for each patch: a given first frame is at none.
            timestep = (self.noisy[0, 0, :, :: self.patch_size, :: self.patch_size] * timestep).reshape(1, -1)
        elif self.condition is not None:
            latents = torch.cat([latents, self.condition], dim=1)
        image = None if self.image_embeds is None else self.image_embeds.to(transformer.dtype)
        transformer(
            hidden_states=latents.to(transformer.dtype),
            timestep=timestep,
            encoder_hidden_states=self.prompt_embeds.to(transformer.dtype),
            encoder_hidden_states_image=image,
            return_dict=False,
        )

    def transformer_at(self, timestep: Tensor) -> torch.nn.Module:
        """The transformer for this noise: of Wan 2.2's two, the one on its side of the boundary."""
        pipeline = self.pipeline
        boundary = pipeline.config.get("boundary_ratio")
        if boundary is not None and timestep < boundary * self.scheduler.config.num_train_timesteps:
            return pipeline.transformer_2
        return pipeline.transformer

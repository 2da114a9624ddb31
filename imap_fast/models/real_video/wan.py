"""The pass of a real video through Wan 2.1 and 2.2."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imap_fast.models.real_video.base import VideoForward, is_one_of

TEXT_LENGTH = 512


def frame_rate_of(pipeline: Any) -> float:
    """Frames per second of the clips of a pipeline of Wan. None is a transformer without a pipeline."""
    return 24.0 if pipeline is not None and pipeline.config.get("expand_timesteps") else 16.0  # Wan 2.2 5B


class WanForward(VideoForward):
    """See `VideoForward`. Each of the two transformers of Wan 2.2 takes the steps on its side of the boundary.

    Attributes:
        image_pipelines: names of those pipelines that are conditioned on the first frame.
    """

    pipelines: ClassVar[tuple[str, ...]] = ("WanPipeline", "WanImageToVideoPipeline", "WanVideoToVideoPipeline")
    image_pipelines: ClassVar[tuple[str, ...]] = ("WanImageToVideoPipeline",)
    step_of = (20, 50)

    @property
    def clip(self) -> tuple[int, int, int]:
        return 49, 480, 832

    @property
    def fps(self) -> float:
        return frame_rate_of(self.pipeline)

    @property
    def patch_size(self) -> int:
        return self.config.patch_size[-1]

    def encode_text(self, prompt: str, first_frame: np.ndarray) -> None:
        pipeline = self.pipeline
        self.prompt_embeds, _ = pipeline.encode_prompt(
            prompt,
            do_classifier_free_guidance=False,
            max_sequence_length=TEXT_LENGTH,
            device=pipeline._execution_device,
        )

    def encode(self, frames: np.ndarray) -> dict[str, Tensor]:
        pixels = self.encoder.pixels(frames)
        latents = self.normalized(self.encoder.encode(pixels).float())
        window = {"latents": latents}
        if is_one_of(self.pipeline, self.image_pipelines):
            window |= self.condition_on(pixels[:, :, 0].float(), frames[0], latents)
        return window

    def normalized(self, latents: Tensor) -> Tensor:
        """Normalize latents `[1, C, F, H, W]` by the mean and standard deviation of the VAE."""
        config = self.pipeline.vae.config
        mean, std = (latents.new_tensor(row)[:, None, None, None] for row in (config.latents_mean, config.latents_std))
        return (latents - mean) / std

    def condition_on(self, first_frame: Tensor, image: np.ndarray, latents: Tensor) -> dict[str, Tensor]:
        """The inputs that condition an image-to-video checkpoint.

        Returns:
            `condition`, the first frame. `noisy`, the mask of noisy frames, for Wan 2.2 5B, whose first frame is clean.
            `image_embeds`, the CLIP embedding of the first frame, if the model takes it.
        """
        pipeline = self.pipeline
        _, condition, *noisy = type(pipeline).prepare_latents(
            self.encoder.encoding_pipeline,
            first_frame,
            batch_size=1,
            height=self.height,
            width=self.width,
            num_frames=(latents.shape[2] - 1) * self.temporal_compression + 1,
            dtype=torch.float32,
            device=latents.device,
            latents=latents,
        )
        given = {"condition": condition}
        if noisy:
            given["noisy"] = noisy[0]
        if self.config.image_dim is not None:
            given["image_embeds"] = pipeline.encode_image(Image.fromarray(image), latents.device)
        return given

    def forward(self, step: int, window: dict[str, Tensor]) -> None:
        latents, timestep = self.noised(step, window)
        transformer = self.transformer_at(timestep[0])
        condition, image = window.get("condition"), window.get("image_embeds")
        if self.pipeline.config.get("expand_timesteps"):
            noisy = window.get("noisy", torch.ones_like(latents[:, :1]))
            if condition is not None:
                latents = (1 - noisy) * condition + noisy * latents
            # One timestep for each patch. It is zero for a clean first frame.
            patches = noisy[:, 0, :, :: self.patch_size, :: self.patch_size].flatten(1)
            timestep = patches * timestep[:, None]
        elif condition is not None:
            latents = torch.cat([latents, condition], dim=1)
        transformer(
            hidden_states=latents.to(transformer.dtype),
            timestep=timestep,
            encoder_hidden_states=self.prompt_embeds.to(transformer.dtype).expand(len(latents), -1, -1),
            encoder_hidden_states_image=None if image is None else image.to(transformer.dtype),
            return_dict=False,
            **self.further_inputs(window),
        )

    def further_inputs(self, window: dict[str, Tensor]) -> dict[str, Any]:
        """Arguments of the transformer that only some models have."""
        return {}

    def transformer_at(self, timestep: Tensor) -> Any:
        """The transformer for this timestep. Wan 2.2 has two, on both sides of a boundary."""
        pipeline = self.pipeline
        boundary = pipeline.config.get("boundary_ratio")
        if boundary is not None and timestep < boundary * self.scheduler.config.num_train_timesteps:
            return pipeline.transformer_2
        return pipeline.transformer

"""A real video through CogVideoX: to latents, noised to a step, and once through the transformer."""

from __future__ import annotations

import copy

import numpy as np
import torch
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

PUBLISHED_STEP = 30 / 50


class VideoForward:
    """The forward of a real video, without guidance.

    Args:
        pipeline: a CogVideoX pipeline that needs no more than a video and a prompt.
        num_inference_steps: length of the schedule.
        height: in pixels. None: the model's own size, as for `width`.
        width: in pixels.

    Attributes:
        num_frames: the model's clip length, in frames. temporal_compression: frames in a latent frame.
        published_step: the index of the noise level that the published method reads.

    Raises:
        TypeError: a pipeline with inputs that a video does not give.
        ValueError: a size that is no multiple of a patch.
    """

    def __init__(self, pipeline, num_inference_steps: int, height: int | None, width: int | None) -> None:
        if pipeline is None or "FunControl" in type(pipeline).__name__:
            raise TypeError(
                f"explain cannot pass a video through {type(pipeline).__name__}; give a CogVideoXPipeline, "
                "CogVideoXImageToVideoPipeline or CogVideoXVideoToVideoPipeline"
            )
        config = pipeline.transformer.config
        self.pipeline, self.config = pipeline, config
        self.height = height or config.sample_height * pipeline.vae_scale_factor_spatial
        self.width = width or config.sample_width * pipeline.vae_scale_factor_spatial
        patch = pipeline.vae_scale_factor_spatial * config.patch_size
        for name, size in (("height", self.height), ("width", self.width)):
            if size < patch or size % patch:
                nearest = max(round(size / patch), 1) * patch
                raise ValueError(f"{name}={size} is no multiple of the model's patch of {patch} pixels; try {nearest}")
        self.num_frames = config.sample_frames
        self.temporal_compression = pipeline.vae_scale_factor_temporal
        self.published_step = int(PUBLISHED_STEP * num_inference_steps)
        # A copy: the pipeline's own scheduler keeps its timesteps.
        self.scheduler = copy.deepcopy(pipeline.scheduler)
        self.scheduler.set_timesteps(num_inference_steps)

    def encode(self, prompt: str, frames: np.ndarray, generator: torch.Generator) -> None:
        """Encodes the prompt and the frames, uint8 `[T, H, W, 3]`, and draws the noise."""
        pipeline, device = self.pipeline, self.pipeline._execution_device
        self.prompt_embeds, _ = pipeline.encode_prompt(
            prompt,
            do_classifier_free_guidance=False,
            max_sequence_length=self.config.max_text_seq_length,
            device=device,
        )
        dtype = self.prompt_embeds.dtype
        pixels = torch.from_numpy(frames).to(device, pipeline.vae.dtype).permute(3, 0, 1, 2)[None] / 127.5 - 1
        latents = self.encode_pixels(pixels) * pipeline.vae_scaling_factor_image
        # CogVideoX 1.5 takes whole temporal patches; like its pipelines, pad in front.
        padding = -latents.shape[1] % (self.config.patch_size_t or 1)
        self.latents = torch.cat([latents[:, :1]] * padding + [latents], dim=1).to(dtype)
        self.noise = randn_tensor(self.latents.shape, generator=generator, device=device, dtype=dtype)
        self.condition = None
        if self.config.in_channels == 2 * self.latents.shape[2]:
            self.condition = self.condition_on(pixels[:, :, :1]).to(dtype)
        self.rotary = None
        if self.config.use_rotary_positional_embeddings:
            self.rotary = pipeline._prepare_rotary_positional_embeddings(
                self.height, self.width, self.latents.shape[1], device
            )

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        """Pixels `[1, 3, T, H, W]` in [-1, 1] as the mode of their latents, `[1, F, C, H, W]`, not yet scaled."""
        return self.pipeline.vae.encode(pixels).latent_dist.mode().transpose(1, 2)

    def condition_on(self, first_frame: Tensor) -> Tensor:
        """The latents that an image-to-video checkpoint takes beside the noisy ones: the first frame, then zeros."""
        pipeline = self.pipeline
        factor = pipeline.vae_scaling_factor_image
        image = self.encode_pixels(first_frame) * (1 / factor if pipeline.vae.config.invert_scale_latents else factor)
        return torch.cat([image, torch.zeros_like(self.latents[:, 1:])], dim=1)

    def forward(self, step: int) -> None:
        """Passes the video, noised to `step` of the schedule, through the transformer."""
        timestep = self.scheduler.timesteps[step].to(self.latents.device).expand(1)
        latents = self.scheduler.add_noise(self.latents, self.noise, timestep)
        latents = self.scheduler.scale_model_input(latents, timestep)
        if self.condition is not None:
            latents = torch.cat([latents, self.condition], dim=2)
        # CogVideoX 1.5 image-to-video embeds this constant; its pipeline passes the same.
        ofs = {} if self.config.ofs_embed_dim is None else {"ofs": latents.new_full((1,), 2.0)}
        self.pipeline.transformer(
            hidden_states=latents,
            encoder_hidden_states=self.prompt_embeds,
            timestep=timestep,
            image_rotary_emb=self.rotary,
            return_dict=False,
            **ofs,
        )

"""A real video through a pipeline: to latents, noised to a step, and once through the transformer."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from imap_fast.models.noise import Noise


class VideoForward(ABC):
    """The forward of a real video, without guidance by a second pass.

    Args:
        pipeline: one that needs no more than a video and a prompt.
        config: its transformer's.
        num_inference_steps: length of the schedule. None: the published one.
        height: in pixels. None: the model's own size, as for `width`.
        width: in pixels.

    Attributes:
        pipelines: names of the pipelines that can.
        text_sees_video: whether the text is encoded beside the video's first frame, so anew for each video.
        published: index of the step that the published method reads, and the number of steps of its schedule.
        clip: frames, height and width of the model's own clips.
        temporal_compression: frames in a latent frame.
        published_step: the index of the published noise level in this schedule.

    Raises:
        TypeError: a pipeline with inputs that a video does not give.
        ValueError: a size that is no multiple of a patch.
    """

    pipelines: ClassVar[tuple[str, ...]]
    published: ClassVar[tuple[int, int]]
    text_sees_video = False

    def __init__(
        self, pipeline, config, num_inference_steps: int | None, height: int | None, width: int | None
    ) -> None:
        if not any(ancestor.__name__ in self.pipelines for ancestor in type(pipeline).__mro__):
            given = "a bare transformer" if pipeline is None else type(pipeline).__name__
            raise TypeError(f"explain cannot pass a video through {given}; give a {' or '.join(self.pipelines)}")
        self.pipeline, self.config = pipeline, config
        self.num_frames, own_height, own_width = self.clip
        self.height, self.width = height or own_height, width or own_width
        patch = pipeline.vae_scale_factor_spatial * self.patch_size
        for name, size in (("height", self.height), ("width", self.width)):
            if size < patch or size % patch:
                nearest = max(round(size / patch), 1) * patch
                raise ValueError(f"{name}={size} is no multiple of the model's patch of {patch} pixels; try {nearest}")
        self.temporal_compression = pipeline.vae_scale_factor_temporal
        step, steps = self.published
        self.num_inference_steps = steps if num_inference_steps is None else num_inference_steps
        self.published_step = step * self.num_inference_steps // steps
        # A copy: the pipeline's own scheduler keeps its timesteps.
        self.scheduler = copy.deepcopy(pipeline.scheduler)
        self.set_timesteps()

    @property
    @abstractmethod
    def clip(self) -> tuple[int, int, int]:
        """Frames, height and width of the model's own clips."""

    @property
    def patch_size(self) -> int:
        """Latents in a patch, in height and in width."""
        return self.config.patch_size

    def set_timesteps(self) -> None:
        """Fills the schedule, as the pipeline does."""
        self.scheduler.set_timesteps(self.num_inference_steps)

    def pixels(self, frames: np.ndarray) -> Tensor:
        """Frames uint8 `[T, H, W, 3]` as the VAE takes them: `[1, 3, T, H, W]` in [-1, 1]."""
        device, dtype = self.pipeline._execution_device, self.pipeline.vae.dtype
        return torch.from_numpy(frames).to(device, dtype).permute(3, 0, 1, 2)[None] / 127.5 - 1

    @abstractmethod
    def encode_text(self, prompt: str, first_frame: np.ndarray) -> None:
        """Encodes the prompt, once for all windows; with it the first frame, uint8 `[H, W, 3]`, where models see it."""

    @abstractmethod
    def encode(self, frames: np.ndarray, begin: int, noise: Noise) -> dict[str, Tensor]:
        """What the forwards of a window take beside the text, each a batch of one.

        Args:
            frames: uint8 `[T, H, W, 3]`.
            begin: the video's latent frame at which the window begins, padding counted.
            noise: of the video.

        Returns:
            `latents`, `noise`, and what else the model is given.
        """

    @abstractmethod
    def forward(self, step: int, window: dict[str, Tensor]) -> None:
        """Passes windows, noised to `step` of the schedule, through the transformer; each is a row of the batch."""

    def noised(self, step: int, window: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The latents at `step` of the schedule, and its timestep `[B]`."""
        latents, noise = window["latents"], window["noise"]
        timestep = self.scheduler.timesteps[step].to(latents.device).expand(len(latents))
        if hasattr(self.scheduler, "scale_noise"):  # flow matching by Euler steps calls it so
            return self.scheduler.scale_noise(latents, timestep, noise), timestep
        latents = self.scheduler.add_noise(latents, noise, timestep)
        return self.scheduler.scale_model_input(latents, timestep), timestep

"""The pass of a real video through a pipeline: encoded to latents, noised to a step, and read by the transformer."""

from __future__ import annotations

import copy
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from imap_fast.maps.allowed_values import MOST_PIXELS
from imap_fast.models.real_video.encoder import Encoder
from imap_fast.models.real_video.noise import Noise
from imap_fast.models.real_video.other_encoder import OtherEncoder
from imap_fast.models.real_video.stored_vae import load_vae
from imap_fast.models.vae_compression import spatial_compression, temporal_compression

logger = logging.getLogger(__name__)


def is_one_of(pipeline: Any, names: Sequence[str]) -> bool:
    """Whether the class of a pipeline, or one that it is derived from, has one of these names."""
    return any(ancestor.__name__ in names for ancestor in type(pipeline).__mro__)


class VideoForward(ABC):
    """The forward passes of a real video, without guidance.

    Args:
        pipeline: needs no other inputs than a video and a prompt.
        config: of the transformer.
        num_inference_steps: length of the schedule. None: the default one.
        height: in pixels. None: the default of the model, like `width`.
        width: in pixels.
        vae: encodes in place of the VAE of the pipeline; as in `imap_fast.explain`.

    Attributes:
        pipelines: names of the supported pipelines.
        step_of: index of the step that is read by default, and the number of steps in the default schedule.
        is_published: whether they are those of the published method.
        num_frames: frames in a default clip of the model.
        time_dim: the dimension of latents that is time.
        temporal_compression: frames in a latent frame.
        encoder: what encodes.

    Raises:
        TypeError: the pipeline needs inputs that a video does not give, its scheduler is of a higher order, or `vae` is
            no encoder.
        ValueError: a size that is not a multiple of a patch, or a `vae` that makes other latents.
    """

    pipelines: ClassVar[tuple[str, ...]]
    step_of: ClassVar[tuple[int, int]]
    is_published: ClassVar[bool] = True
    time_dim: ClassVar[int] = 2

    def __init__(
        self,
        pipeline: Any,
        config: Any,
        num_inference_steps: int | None,
        height: int | None,
        width: int | None,
        vae: str | os.PathLike | Any = None,
    ) -> None:
        if not is_one_of(pipeline, self.pipelines):
            given = "a bare transformer" if pipeline is None else type(pipeline).__name__
            raise TypeError(f"explain cannot pass a video through {given}; give a {' or '.join(self.pipelines)}")
        self.pipeline, self.config = pipeline, config
        self.num_frames, own_height, own_width = self.clip
        self.height, self.width = height or own_height, width or own_width
        patch = spatial_compression(pipeline) * self.patch_size
        for name, size in (("height", self.height), ("width", self.width)):
            if size > MOST_PIXELS:
                raise ValueError(f"{name}={size} is not possible; give at most {MOST_PIXELS} pixels")
            if size < patch or size % patch:
                nearest = max(round(size / patch), 1) * patch
                raise ValueError(f"{name}={size} is no multiple of the model's patch of {patch} pixels; try {nearest}")
        self.temporal_compression = temporal_compression(pipeline)
        self.num_inference_steps = self.step_of[1] if num_inference_steps is None else num_inference_steps
        # A copy, because the scheduler of the pipeline must keep its timesteps.
        self.scheduler = copy.deepcopy(pipeline.scheduler)
        self.set_timesteps()
        if len(self.scheduler.timesteps) != self.num_inference_steps:
            raise TypeError(
                f"the {type(self.scheduler).__name__} makes {self.num_inference_steps} steps of "
                f"{len(self.scheduler.timesteps)} timesteps, so step numbers do not name noise levels; set a scheduler "
                "with one timestep in each step"
            )
        self.encoder = self._encoder(vae)

    def _encoder(self, vae: str | os.PathLike | Any) -> Encoder:
        """The VAE of the pipeline, or what takes its place."""
        if vae is not None and self.pipeline.vae is None:
            raise ValueError("the pipeline has no VAE, whose normalization it needs; load it with one")
        if isinstance(vae, (str, os.PathLike)):
            vae = load_vae(vae, self.pipeline)
        if vae is None or vae is self.pipeline.vae:
            return Encoder(self.pipeline)
        return OtherEncoder(self.pipeline, vae, self.latent_channels)

    @property
    @abstractmethod
    def clip(self) -> tuple[int, int, int]:
        """Frames, height and width of the default clip of the model."""

    @property
    @abstractmethod
    def fps(self) -> float:
        """Frames per second of the clips for which the model was made."""

    @property
    def default_step(self) -> int:
        """Index of the default noise level in this schedule. A line of the log says so if it is not published."""
        step, steps = self.step_of
        own = step * self.num_inference_steps // steps
        if not self.is_published:
            name = type(self.pipeline).__name__
            logger.warning("no step is published for %s; reading step %d of %d", name, own, self.num_inference_steps)
        return own

    @property
    def text_sees_video(self) -> bool:
        """Whether the text is encoded together with the first frame, so once for each video."""
        return False

    @property
    def patch_size(self) -> int:
        """Latents in a patch, in height and width."""
        return self.config.patch_size

    @property
    def latent_channels(self) -> int:
        """Channels of the latents of a video."""
        return self.config.out_channels or self.config.in_channels

    def set_timesteps(self) -> None:
        """Compute the schedule as the pipeline does."""
        self.scheduler.set_timesteps(self.num_inference_steps)

    @abstractmethod
    def encode_text(self, prompt: str, first_frame: np.ndarray) -> None:
        """Encode the prompt, once for all windows.

        Args:
            prompt: what the video shows.
            first_frame: uint8 `[H, W, 3]`, for models whose text encoder also sees it.
        """

    @abstractmethod
    def encode(self, frames: np.ndarray) -> dict[str, Tensor]:
        """Encode a window to what its forward passes need besides the text and the noise.

        Args:
            frames: uint8 `[T, H, W, 3]`.

        Returns:
            `latents` and further inputs of the model, each as a batch of one.
        """

    def with_noise(self, window: dict[str, Tensor], begin: int, noise: Noise) -> dict[str, Tensor]:
        """What `encode` returned, with the `noise` of a window that begins at latent frame `begin` of the VAE."""
        return {**window, "noise": noise.draw(window["latents"], begin, self.time_dim)}

    @abstractmethod
    def forward(self, step: int, window: dict[str, Tensor]) -> None:
        """Noise windows to a step of the schedule, and pass them through the transformer.

        Args:
            step: index into the schedule.
            window: results of `with_noise`, concatenated: each is a row of the batch.
        """

    def noised(self, step: int, window: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The latents noised to a step of the schedule, and its timestep `[B]`."""
        latents, noise = window["latents"], window["noise"]
        timestep = self.scheduler.timesteps[step].to(latents.device).expand(len(latents))
        if hasattr(self.scheduler, "scale_noise"):  # the name in flow-matching schedulers
            return self.scheduler.scale_noise(latents, timestep, noise), timestep
        latents = self.scheduler.add_noise(latents, noise, timestep)
        # A copy, because some schedulers count the calls, and scale for the step after the last one.
        return copy.copy(self.scheduler).scale_model_input(latents, self.scheduler.timesteps[step]), timestep

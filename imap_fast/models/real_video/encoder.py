"""What encodes a real video: the VAE of the pipeline, or what takes its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class Encoder:
    """The VAE of a pipeline.

    Args:
        pipeline: has a VAE.

    Attributes:
        other: what encodes in place of the VAE. None: the VAE does.
        module: a module with the weights of `other`.
    """

    other: Any = None
    module: nn.Module | None = None

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline

    @property
    def vae(self) -> Any:
        """What encodes."""
        return self.pipeline.vae

    @property
    def place(self) -> tuple[torch.device, torch.dtype]:
        """The device and the dtype in which it encodes."""
        return self.pipeline._execution_device, self.pipeline.vae.dtype

    @property
    def description(self) -> dict[str, str] | None:
        """What the settings of the maps say of what takes the place of the VAE, as JSON values."""
        return None

    @property
    def options(self) -> dict[str, Any] | None:
        """The description and the normalization, which decide whether a run may resume, as JSON values."""
        return None

    def pixels(self, frames: np.ndarray) -> Tensor:
        """Convert frames, uint8 `[T, H, W, 3]`, to the input of `encode`, `[1, 3, T, H, W]` in [-1, 1]."""
        device, dtype = self.place
        pixels = torch.from_numpy(frames)
        if device.type == "cuda":  # the copy is of bytes, and blocks nobody
            pixels = pixels.pin_memory().to(device, non_blocking=True)
        return pixels.to(device, dtype).permute(3, 0, 1, 2)[None] / 127.5 - 1

    def encode(self, pixels: Tensor) -> Tensor:
        """The latents `[1, C, F, h, w]` of pixels in the convention of the VAE: the mode, before its normalization."""
        return self.pipeline.vae.encode(pixels).latent_dist.mode()

    @property
    def encoding_pipeline(self) -> Any:
        """What methods of the pipeline's class take as `self`, so that they encode with this encoder."""
        return self.pipeline

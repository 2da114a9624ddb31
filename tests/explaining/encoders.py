"""Small encoders in the place of the VAE of a tiny pipeline."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imap_fast.models.vae_compression import spatial_compression, temporal_compression

TEMPORAL, SPATIAL = 4, 8


def block_of(pipeline: Any) -> tuple[int, int, int]:
    """Frames, height and width of what a latent of a pipeline is made of."""
    return temporal_compression(pipeline), spatial_compression(pipeline), spatial_compression(pipeline)


class Pooling(nn.Module):
    """The mean over blocks of pixels, and a fixed linear map of the three colours to latents.

    Args:
        channels: of the latents.
        fill: where blocks of frames are filled up: `"front"` as in a causal VAE, `"end"`, or `"nowhere"`, which leaves
            out the frames of the last block.
        block: frames, height and width of a block.
        config: of the normalization.
    """

    def __init__(
        self,
        channels: int = 4,
        fill: str = "front",
        block: tuple[int, int, int] = (TEMPORAL, SPATIAL, SPATIAL),
        config: Any = None,
    ) -> None:
        super().__init__()
        weight = torch.randn(channels, 3, generator=torch.Generator().manual_seed(6))
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.fill, self.block, self.config = fill, block, config

    def encode(self, pixels: Tensor) -> Tensor:
        missing = -pixels.shape[2] % self.block[0]
        if self.fill == "front":
            pixels = torch.cat([pixels[:, :, :1]] * missing + [pixels], dim=2)
        elif self.fill == "end":
            pixels = torch.cat([pixels] + [pixels[:, :, -1:]] * missing, dim=2)
        means = F.avg_pool3d(pixels, self.block, self.block)
        return torch.einsum("ck, bkfhw -> bcfhw", self.weight, means)


class Imitating(nn.Module):
    """The latents of the VAE of a pipeline, `(latents - offset) * factor`, with a config that undoes it or without one.

    Args:
        vae: of a pipeline.
        offset: by channel.
        factor: by channel.
        config: of the normalization.
    """

    def __init__(self, vae: nn.Module, offset: Any, factor: Any, config: dict[str, Any] | None) -> None:
        super().__init__()
        self.vae, self.offset, self.factor, self.config = vae, offset, factor, config

    def encode(self, pixels: Tensor) -> SimpleNamespace:
        latents = self.vae.encode(pixels).latent_dist.mode()
        offset, factor = (
            torch.as_tensor(values).to(latents).reshape(-1, 1, 1, 1) for values in (self.offset, self.factor)
        )
        return SimpleNamespace(latents=(latents - offset) * factor)


def scaled(vae: nn.Module) -> Imitating:
    """The latents of a VAE, doubled, as its config says."""
    config = vae.config
    if "scaling_factor" in config:
        return Imitating(vae, 0, 2, {"scaling_factor": config.scaling_factor / 2})
    named = {name: [2 * value for value in config[name]] for name in ("latents_mean", "latents_std")}
    return Imitating(vae, 0, 2, named)


def shifted(vae: nn.Module) -> Imitating:
    """The latents of a VAE around another mean, as its config says."""
    config = vae.config
    if "scaling_factor" in config:
        return Imitating(vae, 0.25, 1, {"scaling_factor": config.scaling_factor, "shift_factor": -0.25})
    mean = [value - 0.25 for value in config.latents_mean]
    return Imitating(vae, 0.25, 1, {"latents_mean": mean, "latents_std": config.latents_std})


def normalized(vae: nn.Module) -> Imitating:
    """The latents of a VAE as a transformer takes them."""
    config = vae.config
    if "scaling_factor" in config:
        return Imitating(vae, 0, config.scaling_factor, None)
    return Imitating(vae, config.latents_mean, [1 / value for value in config.latents_std], None)

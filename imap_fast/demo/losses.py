"""The losses of the demo model: of the VAE, and of transformer and text encoder together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXPipeline

from imap_fast.demo.build import NUM_FRAMES, SIDE
from imap_fast.demo.choices import Choices
from imap_fast.demo.latents import EncodedScenes
from imap_fast.demo.settings import Settings

CROPS_SHARE = 0.8  # of the VAE's training
_CROP_FRAMES, _CROP_SIDE = 9, 32


def draw_crops(
    rng: np.random.Generator, clips: Sequence[torch.Tensor] | torch.Tensor, batch: int, *, whole: bool
) -> torch.Tensor:
    """The batch of one step of the VAE, `[B, 3, T, H, W]`.

    Most of its training is on small crops of a third of the frames, because backgrounds dominate the loss of whole
    clips. The end is on whole clips, as the pipeline uses the VAE.

    Args:
        rng: the source of randomness.
        clips: `[3, T, H, W]` each.
        batch: number of crops.
        whole: whether to draw whole clips, one in place of 16 crops.
    """
    count, frames, side = (max(batch // 16, 1), NUM_FRAMES, SIDE) if whole else (batch, _CROP_FRAMES, _CROP_SIDE)
    crops = []
    for i in rng.integers(len(clips), size=count):
        top, left = rng.integers(SIDE - side + 1, size=2)
        start = rng.integers(NUM_FRAMES - frames + 1)
        crops.append(clips[i][:, start : start + frames, top : top + side, left : left + side])
    return torch.stack(crops)


def reconstruction_loss(
    vae: AutoencoderKLCogVideoX, clips: torch.Tensor, kl_weight: float, generator: torch.Generator
) -> torch.Tensor:
    """The loss of the VAE: mean squared error of the pixels, plus the weighted KL divergence of the latents.

    Args:
        vae: the VAE.
        clips: fp32 `[B, 3, T, H, W]`, in [−1, 1], on its device.
        kl_weight: as in `Settings`.
        generator: of the noise, on any device.
    """
    with torch.autocast(vae.device.type, torch.bfloat16):
        posterior = vae.encode(clips).latent_dist
        decoded = vae.decode(posterior.mean + posterior.std * _noise(posterior.mean, generator)).sample
    divergence = 0.5 * (posterior.mean**2 + posterior.var - 1 - posterior.logvar).float().mean()
    return (decoded.float() - clips).square().mean() + kl_weight * divergence


def velocity_loss(
    pipe: CogVideoXPipeline, scenes: EncodedScenes, choices: Choices, settings: Settings, generator: torch.Generator
) -> torch.Tensor:
    """The loss of transformer and text encoder: weighted mean squared error of the velocity (Salimans & Ho 2022).

    Nothing in it waits for the device.

    Args:
        pipe: the pipeline.
        scenes: the training data, on any device.
        choices: the batch, on the same device as the scenes.
        settings: of the training.
        generator: of the noise, on any device.
    """
    device = pipe.transformer.device
    clean, coverage, motion = (
        _chosen(values, choices).to(device, torch.float32) for values in (scenes.latents, scenes.objects, scenes.motion)
    )
    _, _, tokens, timesteps, clean_start = choices.to(device)
    clean = clean * pipe.vae.config.scaling_factor
    noise = _noise(clean, generator)
    noisy = pipe.scheduler.add_noise(clean, noise, timesteps)
    noisy[:, 0] = torch.where(clean_start[:, None, None, None], clean[:, 0], noisy[:, 0])
    velocity = pipe.scheduler.get_velocity(clean, noise, timesteps)
    with torch.autocast(device.type, torch.bfloat16):
        # Without an attention mask, as in the pipeline.
        text = pipe.text_encoder(tokens).last_hidden_state
        predicted = pipe.transformer(noisy, text, timesteps).sample
    weight = 1 + (settings.object_weight - 1) * coverage + settings.motion_weight * motion
    weight[:, 0] = weight[:, 0].masked_fill(clean_start[:, None, None], 0)
    error = (predicted.float() - velocity).square().mean(dim=2)
    return (weight * error).sum() / weight.sum()


def _chosen(values: torch.Tensor, choices: Choices) -> torch.Tensor:
    """The values `[scenes, F, …]` of the chosen clips, `[B, F, …]`, or of the chosen stills, `[B, 1, …]`."""
    if choices.frames is None:
        return values[choices.scenes]
    return values[choices.scenes, choices.frames].unsqueeze(1)


def _noise(like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Normal noise in fp32. It depends on the generator alone, whose device need not be that of the tensor."""
    return torch.randn(like.shape, generator=generator, device=generator.device).to(like.device)

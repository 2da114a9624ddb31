"""The training data of the demo's transformer: scenes in the latent space of the VAE, with what captions need."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXPipeline
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn.functional import adaptive_avg_pool2d

from imap_fast.demo import world
from imap_fast.demo.captions import ObjectDescription
from imap_fast.files import atomic_write


class SceneDescription(NamedTuple):
    """The content of a scene, from which captions are made.

    Attributes:
        objects: the descriptions of its objects.
        moving: for each object and latent frame, whether it moves in at least half of the frames, `[objects][F]`.
        background: as in `world.Scene`.
    """

    objects: list[ObjectDescription]
    moving: list[list[bool]]
    background: str

    def at_latent_frame(self, frame: int) -> list[ObjectDescription]:
        """The descriptions of the objects in one latent frame."""
        return [each.at_moment(moving[frame]) for each, moving in zip(self.objects, self.moving, strict=True)]


@dataclass(frozen=True)
class EncodedScenes:
    """The training data of the transformer.

    Attributes:
        latents: means of the VAE's posterior, fp16 `[scenes, F, C, h, w]`.
        objects: share of each latent that objects cover, fp16 `[scenes, F, h, w]`.
        motion: share of each latent that moving objects cover, fp16 `[scenes, F, h, w]`.
        descriptions: of the scenes.
    """

    latents: torch.Tensor
    objects: torch.Tensor
    motion: torch.Tensor
    descriptions: list[SceneDescription]

    def save(self, file: Path) -> None:
        """Write a safetensors file; the write is atomic."""
        tensors = {"latents": self.latents, "objects": self.objects, "motion": self.motion}
        with atomic_write(file) as unfinished:
            save_file(tensors, unfinished, {"facts": json.dumps(self.descriptions)})

    @classmethod
    def load(cls, file: Path) -> EncodedScenes:
        """Read the scenes of a safetensors file."""
        with safe_open(file, "pt") as stored:
            descriptions = [
                SceneDescription([ObjectDescription(*each) for each in objects], moving, background)
                for objects, moving, background in json.loads(stored.metadata()["facts"])
            ]
            latents, objects, motion = (stored.get_tensor(name) for name in ("latents", "objects", "motion"))
            return cls(latents, objects, motion, descriptions)

    def to(self, device: torch.device) -> EncodedScenes:
        """The same scenes on a device."""
        return EncodedScenes(
            self.latents.to(device), self.objects.to(device), self.motion.to(device), self.descriptions
        )


@torch.no_grad()
def encoded_scenes(vae: AutoencoderKLCogVideoX, count: int, cache: Path) -> EncodedScenes:
    """The first `count` training scenes, encoded by the VAE. They are read from the file `cache` if it exists."""
    if cache.exists():
        return EncodedScenes.load(cache)
    encoded: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
    descriptions = []
    for seed in range(count):
        scene = world.sample(seed)
        latents = encode(vae, pixels(scene)[None].to(vae.device))[0].cpu()
        masks, motion_masks = (
            torch.from_numpy(np.stack(each))
            for each in zip(*((thing.mask, thing.motion_mask) for thing in scene.objects), strict=True)
        )
        size = (latents.shape[-2], latents.shape[-1])
        encoded.append((latents, latent_share(masks, size), latent_share(motion_masks, size)))
        moving = torch.from_numpy(np.stack([thing.moving for thing in scene.objects]))
        described = [thing.description for thing in scene.objects]
        descriptions.append(SceneDescription(described, mostly_moving(moving), scene.background))
        if (seed + 1) % 200 == 0:
            print(f"{seed + 1} of {count} scenes encoded", flush=True)
    latents, objects, motion = (torch.stack(tensors) for tensors in zip(*encoded, strict=True))
    scenes = EncodedScenes(latents, objects, motion, descriptions)
    scenes.save(cache)
    return scenes


def encode(vae: AutoencoderKLCogVideoX, clips: torch.Tensor) -> torch.Tensor:
    """The means of the VAE's posterior for clips `[B, 3, T, H, W]` in [−1, 1], fp16 `[B, F, C, h, w]`."""
    with torch.autocast(vae.device.type, torch.bfloat16):
        return vae.encode(clips).latent_dist.mean.transpose(1, 2).half()


def scale_to_unit_variance(pipe: CogVideoXPipeline, scenes: EncodedScenes) -> None:
    """Set the factor by which the pipeline divides latents before it decodes them."""
    pipe.vae.register_to_config(scaling_factor=round(1 / scenes.latents.float().std().item(), 5))
    pipe.vae_scaling_factor_image = pipe.vae.config.scaling_factor


def latent_share(masks: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """The share of each latent that the union of masks covers.

    Args:
        masks: bool `[O, T, H, W]`.
        size: height and width of the latents.

    Returns:
        fp16 `[F, h, w]`.
    """
    return latent_frame_means(adaptive_avg_pool2d(masks.any(dim=0).float(), size)).half()


def mostly_moving(moving: torch.Tensor) -> list[list[bool]]:
    """For each object and latent frame, whether it moves in at least half of the frames, `[O, T]` → `[O][F]`."""
    return (latent_frame_means(moving.T.float()) >= 0.5).T.tolist()


def latent_frame_means(values: torch.Tensor) -> torch.Tensor:
    """The mean over the frames of each latent frame, `[T, …]` → `[F, …]`: the first alone, the others by fours."""
    return torch.cat([values[:1], values[1:].unflatten(0, (-1, 4)).mean(dim=1)])


def pixels(scene: world.Scene) -> torch.Tensor:
    """The frames as input of the VAE, fp32 `[3, T, H, W]` in [−1, 1]."""
    return to_pixels(torch.from_numpy(scene.frames))


def to_pixels(frames: torch.Tensor) -> torch.Tensor:
    """Frames as input of the VAE, uint8 `[…, T, H, W, 3]` → fp32 `[…, 3, T, H, W]` in [−1, 1]."""
    return frames.movedim(-1, -4) / 127.5 - 1

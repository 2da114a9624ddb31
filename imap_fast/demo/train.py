"""The training of the demo model from random weights: `python -m imap_fast.demo.train`.

The VAE is trained first, on rendered clips. Then transformer and text encoder are trained together on the latents of a
fixed set of scenes, with v-prediction, and on single latent frames before clips, as for CogVideoX. Each checkpoint logs
the AUC of the maps on validation scenes, which at the end also choose the layers and the step that the demo reads. The
randomness of a step depends on the seed and the step alone, so a stopped run resumes exactly.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXPipeline
from safetensors import safe_open
from safetensors.torch import save_file

from imap_fast.demo import build, world
from imap_fast.demo.captions import ObjectDescription, caption
from imap_fast.demo.export import export
from imap_fast.demo.fit import fit
from imap_fast.demo.validate import localization, validate
from imap_fast.files import atomic_write

VAE_SCENES = 400  # number of training scenes of the VAE; they are enough, because it is trained on crops
STILL_TIMESTEPS = 300, 900  # colours, shapes and motions are uncertain but not lost, so the caption matters
START_TIMESTEPS = 600, 1000  # what follows a clean first latent frame is uncertain


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


@dataclass(frozen=True)
class Settings:
    """The settings of a training run.

    A still is a single latent frame with a caption of that moment.

    Attributes:
        seed: of weights, noise and captions.
        vae_steps: optimizer steps of the VAE.
        vae_rate: highest learning rate of the VAE.
        kl_weight: weight of the KL divergence between latents and a standard normal; the squared error of the pixels
            has weight 1.
        scenes: number of training scenes of the transformer.
        still_steps: first steps of the transformer and the text encoder, on stills. A still reveals less about itself
            than a clip does, so the model needs the caption, and learns it, earlier.
        still_batch: stills in one step.
        clip_steps: the steps after `still_steps`.
        clip_batch: clips in one step.
        still_share: share of the later steps that train on stills again.
        rate: highest learning rate of the transformer.
        text_rate: highest learning rate of the text encoder. At the rate of the transformer, the encoder would lose the
            differences between words before the transformer uses them.
        object_weight: weight of the squared error on objects; the background has 1. Objects are a tenth of the picture,
            but captions describe little else.
        motion_weight: added to the weight of moving objects.
        start_share: share of clips whose first latent frame stays clean. Only with a known start do words of motion
            determine the rest of the clip; without one the model does not learn them.
        caption_dropout: share of scenes with an empty caption, for classifier-free guidance.
    """

    seed: int = 0
    vae_steps: int = 900
    vae_rate: float = 2e-3
    kl_weight: float = 3e-5
    scenes: int = 2000
    still_steps: int = 1800
    still_batch: int = 24
    clip_steps: int = 2000
    clip_batch: int = 4
    still_share: float = 0.4
    rate: float = 2e-3
    text_rate: float = 1e-4
    object_weight: float = 8.0
    motion_weight: float = 8.0
    start_share: float = 0.3
    caption_dropout: float = 0.1


def train(pipe: CogVideoXPipeline, settings: Settings, work: Path, model: Path, *, save_every: int = 500) -> None:
    """Train a pipeline from `build.pipeline` in place, and export it at every checkpoint of the transformer.

    Args:
        pipe: the pipeline, on the device of the training. All of its weights are trained.
        settings: of the training.
        work: folder of the checkpoints. Training resumes from those in it.
        model: folder of the exported pipeline.
        save_every: steps between two checkpoints.
    """
    clips = [pixels(world.sample(seed)) for seed in range(min(settings.scenes, VAE_SCENES))]
    vae_log = fit(
        {"vae": pipe.vae},
        lambda step: vae_loss(pipe.vae, clips, settings, step),
        steps=settings.vae_steps,
        rates={"vae": settings.vae_rate},
        checkpoint=work / "vae.safetensors",
        save_every=save_every,
    )
    pipe.vae.requires_grad_(False)
    scenes = encoded_scenes(pipe.vae, settings.scenes, work / "scenes.safetensors")
    # The pipeline divides latents by this factor before it decodes them, so that the transformer sees unit variance.
    pipe.vae.register_to_config(scaling_factor=round(1 / scenes.latents.float().std().item(), 5))
    pipe.vae_scaling_factor_image = pipe.vae.config.scaling_factor
    fit(
        {"transformer": pipe.transformer, "text_encoder": pipe.text_encoder},
        lambda step: velocity_loss(pipe, scenes, settings, step),
        steps=settings.still_steps + settings.clip_steps,
        rates={"transformer": settings.rate, "text_encoder": settings.text_rate},
        checkpoint=work / "transformer.safetensors",
        save_every=save_every,
        # A trace of a compiled transformer would make it compile again, so a copy is measured.
        measure=lambda: localization(
            CogVideoXPipeline(
                pipe.tokenizer, pipe.text_encoder, pipe.vae, copy.deepcopy(pipe.transformer), pipe.scheduler
            )
        ),
        on_save=lambda log: export(
            pipe, model, settings=dataclasses.asdict(settings), logs={"vae": vae_log, "transformer": log}
        ),
    )


def vae_loss(vae: AutoencoderKLCogVideoX, clips: list[torch.Tensor], settings: Settings, step: int) -> torch.Tensor:
    """The loss of the VAE: mean squared error of the pixels, plus the weighted KL divergence of the latents.

    The first four fifths of the steps train on small crops of a third of the frames, because backgrounds dominate the
    loss of whole clips. The last fifth trains on whole clips, as the pipeline uses the VAE.

    Args:
        vae: the VAE.
        clips: fp32 `[3, T, H, W]` each, in [−1, 1].
        settings: of the training.
        step: counted from 0.
    """
    rng = np.random.default_rng([settings.seed, step])
    whole = step >= 0.8 * settings.vae_steps
    count, frames, side = (1, build.NUM_FRAMES, build.SIDE) if whole else (16, 9, 32)
    crops = []
    for i in rng.integers(len(clips), size=count):
        top, left = rng.integers(build.SIDE - side + 1, size=2)
        start = rng.integers(build.NUM_FRAMES - frames + 1)
        crops.append(clips[i][:, start : start + frames, top : top + side, left : left + side])
    batch = torch.stack(crops).to(vae.device)
    with torch.autocast(vae.device.type, torch.bfloat16):
        posterior = vae.encode(batch).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=_noise_generator(settings.seed, step)).to(vae.device)
        decoded = vae.decode(posterior.mean + posterior.std * noise).sample
    divergence = 0.5 * (posterior.mean**2 + posterior.var - 1 - posterior.logvar).float().mean()
    return (decoded.float() - batch).square().mean() + settings.kl_weight * divergence


def velocity_loss(pipe: CogVideoXPipeline, scenes: EncodedScenes, settings: Settings, step: int) -> torch.Tensor:
    """The loss of transformer and text encoder: weighted mean squared error of the velocity (Salimans & Ho 2022).

    Timesteps are drawn uniformly.
    """
    device = pipe.transformer.device
    rng = np.random.default_rng([settings.seed, step])
    still = step < settings.still_steps or rng.random() < settings.still_share
    batch = settings.still_batch if still else settings.clip_batch
    indices = rng.integers(len(scenes.latents), size=batch)
    tensors = [scenes.latents[indices], scenes.objects[indices], scenes.motion[indices]]
    descriptions = [scenes.descriptions[index].objects for index in indices]
    if still:
        # The first latent frame encodes a single frame, which shows no motion.
        frames = rng.integers(1, build.LATENT_FRAMES, size=batch)
        tensors = [values[torch.arange(batch), frames].unsqueeze(1) for values in tensors]
        descriptions = [
            scenes.descriptions[index].at_latent_frame(frame) for index, frame in zip(indices, frames, strict=True)
        ]
    captions = [
        "" if rng.random() < settings.caption_dropout else caption(rng, objects, scenes.descriptions[index].background)
        for index, objects in zip(indices, descriptions, strict=True)
    ]
    clean, coverage, motion = (values.to(device, torch.float32) for values in tensors)
    clean = clean * pipe.vae.config.scaling_factor
    clean_start = torch.from_numpy(rng.random(batch) < (0 if still else settings.start_share)).to(device)
    noise = torch.randn(clean.shape, generator=_noise_generator(settings.seed, step)).to(device)
    lowest, highest = STILL_TIMESTEPS if still else (0, pipe.scheduler.config.num_train_timesteps)
    timestep = torch.from_numpy(rng.integers(lowest, highest, size=batch)).to(device)
    after_start = torch.from_numpy(rng.integers(*START_TIMESTEPS, size=batch)).to(device)
    timestep = torch.where(clean_start, after_start, timestep)
    noisy = pipe.scheduler.add_noise(clean, noise, timestep)
    noisy[clean_start, 0] = clean[clean_start, 0]
    velocity = pipe.scheduler.get_velocity(clean, noise, timestep)
    tokens = pipe.tokenizer(
        captions, padding="max_length", max_length=build.TEXT_LENGTH, truncation=True, return_tensors="pt"
    )
    with torch.autocast(device.type, torch.bfloat16):
        # Without an attention mask, as in the pipeline.
        text = pipe.text_encoder(tokens.input_ids.to(device)).last_hidden_state
        predicted = pipe.transformer(noisy, text, timestep).sample
    weight = 1 + (settings.object_weight - 1) * coverage + settings.motion_weight * motion
    weight[clean_start, 0] = 0
    error = (predicted.float() - velocity).square().mean(dim=2)
    return (weight * error).sum() / weight.sum()


@torch.no_grad()
def encoded_scenes(vae: AutoencoderKLCogVideoX, count: int, cache: Path) -> EncodedScenes:
    """The first `count` training scenes, encoded by the VAE. They are read from the file `cache` if it exists."""
    if cache.exists():
        with safe_open(cache, "pt") as file:
            descriptions = [
                SceneDescription([ObjectDescription(*each) for each in objects], moving, background)
                for objects, moving, background in json.loads(file.metadata()["facts"])
            ]
            latents, objects, motion = (file.get_tensor(name) for name in ("latents", "objects", "motion"))
            return EncodedScenes(latents, objects, motion, descriptions)
    encoded: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
    descriptions = []
    for seed in range(count):
        scene = world.sample(seed)
        with torch.autocast(vae.device.type, torch.bfloat16):
            mean = vae.encode(pixels(scene)[None].to(vae.device)).latent_dist.mean
        latents = mean[0].transpose(0, 1).half().cpu()
        height, width = latents.shape[-2:]
        objects = latent_share([thing.mask for thing in scene.objects], (height, width)).half()
        motion = latent_share([thing.motion_mask for thing in scene.objects], (height, width)).half()
        encoded.append((latents, objects, motion))
        moving = [latent_frame_means(torch.from_numpy(thing.moving).float()) >= 0.5 for thing in scene.objects]
        described = [thing.description for thing in scene.objects]
        descriptions.append(SceneDescription(described, [frames.tolist() for frames in moving], scene.background))
        if (seed + 1) % 200 == 0:
            print(f"{seed + 1} of {count} scenes encoded", flush=True)
    latents, objects, motion = (torch.stack(tensors) for tensors in zip(*encoded, strict=True))
    scenes = EncodedScenes(latents, objects, motion, descriptions)
    with atomic_write(cache) as unfinished:
        save_file(
            {"latents": latents, "objects": objects, "motion": motion}, unfinished, {"facts": json.dumps(descriptions)}
        )
    return scenes


def latent_share(masks: list[np.ndarray], size: tuple[int, int]) -> torch.Tensor:
    """The share of each latent that the union of masks covers.

    Args:
        masks: bool `[T, H, W]` each.
        size: height and width of the latents.

    Returns:
        fp32 `[F, h, w]`.
    """
    union = torch.from_numpy(np.any(masks, axis=0)).float()
    return latent_frame_means(torch.nn.functional.adaptive_avg_pool2d(union, size))


def latent_frame_means(values: torch.Tensor) -> torch.Tensor:
    """The mean over the frames of each latent frame, `[T, …]` → `[F, …]`: the first alone, the others by fours."""
    return torch.cat([values[:1], values[1:].unflatten(0, (-1, 4)).mean(dim=1)])


def pixels(scene: world.Scene) -> torch.Tensor:
    """The frames as input of the VAE, fp32 `[3, T, H, W]` in [−1, 1]."""
    return torch.from_numpy(scene.frames).permute(3, 0, 1, 2) / 127.5 - 1


def _noise_generator(seed: int, step: int) -> torch.Generator:
    """The generator of the noise of one step. It is on the CPU, so that the noise does not depend on the device."""
    return torch.Generator().manual_seed(seed * 1_000_003 + step)


def main() -> None:
    """Parse the command line, train, and validate."""
    parser = argparse.ArgumentParser(prog="python -m imap_fast.demo.train", description="Train the demo model.")
    parser.add_argument(
        "--model", type=Path, default=Path(__file__).parent / "model", help="folder of the trained pipeline"
    )
    parser.add_argument("--work", type=Path, default=Path("demo-training"), help="folder of checkpoints to resume from")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="default: %(default)s")
    parser.add_argument("--compile", action="store_true", help="compile the transformer: twice as fast on a CPU")
    for field in dataclasses.fields(Settings):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)
    options = vars(parser.parse_args())
    model, work, device, compiled = (options.pop(name) for name in ("model", "work", "device", "compile"))
    settings = Settings(**options)
    pipe = build.pipeline(settings.seed).to(device)
    if compiled:
        pipe.transformer.compile()
    train(pipe, settings, work, model)
    print(json.dumps(validate(model)))


if __name__ == "__main__":
    main()

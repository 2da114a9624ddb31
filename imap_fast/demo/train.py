"""Trains the demo model from nothing: `python -m imap_fast.demo.train`.

First the VAE on rendered clips, then the transformer and the text encoder together on the VAE's latents of a fixed set
of scenes, by v-prediction and on stills before clips, as CogVideoX does. Whenever it saves, it measures on validation
scenes how well words are found, and last, they decide which layers and step the demo reads. Every step's randomness
follows from the seed and the step, so a stopped run resumes where it was.
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
from imap_fast.demo.captions import Told, caption
from imap_fast.demo.export import export
from imap_fast.demo.fit import fit
from imap_fast.demo.validate import localization, validate
from imap_fast.files import atomic_write

VAE_SCENES = 400  # of the training scenes, enough for the VAE, which sees crops of them
STILL_TIMESTEPS = 300, 900  # where colours, shapes and motions are in doubt but not lost, so that words decide
START_TIMESTEPS = 600, 1000  # where what follows a known start is in doubt


class Facts(NamedTuple):
    """What captions of a scene are made from.

    Attributes:
        things: its objects.
        moving: of each object, whether it moves in most of the frames of a latent frame, `[F]`.
        background: as in `world.Scene`.
    """

    things: list[Told]
    moving: list[list[bool]]
    background: str

    def at(self, frame: int) -> list[Told]:
        """What can be told of the objects in one latent frame."""
        return [thing.at_a_moment(moving[frame]) for thing, moving in zip(self.things, self.moving, strict=True)]


@dataclass(frozen=True)
class EncodedScenes:
    """Training scenes as the transformer sees them.

    Attributes:
        latents: means of the VAE's posterior, fp16 `[scenes, F, C, h, w]`.
        objects: share of each latent that any object covers, fp16 `[scenes, F, h, w]`.
        motion: share that an object covers while it moves, the same.
        facts: of each scene.
    """

    latents: torch.Tensor
    objects: torch.Tensor
    motion: torch.Tensor
    facts: list[Facts]


@dataclass(frozen=True)
class Settings:
    """All that a training run depends on.

    Attributes:
        seed: of weights, scenes, noise and captions.
        vae_steps, vae_rate: optimizer steps and highest learning rate of the VAE.
        kl_weight: weight of the latents' divergence from a standard normal, beside the squared error of pixels.
        scenes: how many scenes the transformer learns from.
        still_steps, still_batch: first steps of the transformer and the text encoder, and latent frames in one. A
            latent frame alone, told what happens just then, gives away less about itself than a clip, so that the
            words are needed, and learned, sooner.
        clip_steps, clip_batch: the steps after those, and clips in one.
        still_share: share of the later steps that see latent frames alone again.
        rate: highest learning rate of the transformer.
        text_rate: and of the text encoder. As fast as the transformer it would forget how words differ long before the
            transformer asks.
        object_weight: of the squared error where an object is, against 1 where none is. Objects are a tenth of the
            picture and nearly all that a caption tells.
        motion_weight: added where an object moves.
        start_share: share of clips whose first latent frame stays clean. From a known start, words of motion decide
            what follows; without one they tell next to nothing, and are not learned.
        caption_dropout: share of scenes shown with the empty caption, which guidance needs.
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
    """Trains a pipeline from `build.pipeline` in place, and writes it with its settings and log whenever it saves.

    Args:
        pipe: all its weights are trained, on the device where they are.
        settings: see `Settings`.
        work: folder of the checkpoints; one with checkpoints in it is resumed.
        model: folder that the pipeline is exported to.
        save_every: steps from one checkpoint to the next.
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
    # The pipeline divides latents by this before it decodes them; the transformer sees unit variance.
    pipe.vae.register_to_config(scaling_factor=round(1 / scenes.latents.float().std().item(), 5))
    pipe.vae_scaling_factor_image = pipe.vae.config.scaling_factor
    fit(
        {"transformer": pipe.transformer, "text_encoder": pipe.text_encoder},
        lambda step: velocity_loss(pipe, scenes, settings, step),
        steps=settings.still_steps + settings.clip_steps,
        rates={"transformer": settings.rate, "text_encoder": settings.text_rate},
        checkpoint=work / "transformer.safetensors",
        save_every=save_every,
        # A copy of the transformer: a trace would make a compiled one compile again.
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
    """Mean squared pixel error of clips `[3, T, H, W]`, plus the weighted divergence of their latents.

    For four fifths of the steps a batch is many small crops, half a clip long: a few whole clips would leave the loss
    to their backgrounds. The rest are whole clips, as the VAE will be used.
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
        noise = torch.randn(posterior.mean.shape, generator=_generator(settings.seed, step)).to(vae.device)
        decoded = vae.decode(posterior.mean + posterior.std * noise).sample
    divergence = 0.5 * (posterior.mean**2 + posterior.var - 1 - posterior.logvar).float().mean()
    return (decoded.float() - batch).square().mean() + settings.kl_weight * divergence


def velocity_loss(pipe: CogVideoXPipeline, scenes: EncodedScenes, settings: Settings, step: int) -> torch.Tensor:
    """Weighted mean squared error of the predicted velocity (Salimans & Ho 2022), timesteps drawn uniformly."""
    device = pipe.transformer.device
    rng = np.random.default_rng([settings.seed, step])
    still = step < settings.still_steps or rng.random() < settings.still_share
    batch = settings.still_batch if still else settings.clip_batch
    chosen = rng.integers(len(scenes.latents), size=batch)
    shown = [scenes.latents[chosen], scenes.objects[chosen], scenes.motion[chosen]]
    told = [scenes.facts[scene].things for scene in chosen]
    if still:
        # The first latent frame holds a single frame, which shows no motion.
        frames = rng.integers(1, build.LATENT_FRAMES, size=batch)
        shown = [values[torch.arange(batch), frames].unsqueeze(1) for values in shown]
        told = [scenes.facts[scene].at(frame) for scene, frame in zip(chosen, frames, strict=True)]
    captions = [
        "" if rng.random() < settings.caption_dropout else caption(rng, things, scenes.facts[scene].background)
        for scene, things in zip(chosen, told, strict=True)
    ]
    clean, objects, motion = (values.to(device, torch.float32) for values in shown)
    clean = clean * pipe.vae.config.scaling_factor
    known_start = torch.from_numpy(rng.random(batch) < (0 if still else settings.start_share)).to(device)
    noise = torch.randn(clean.shape, generator=_generator(settings.seed, step)).to(device)
    lowest, highest = STILL_TIMESTEPS if still else (0, pipe.scheduler.config.num_train_timesteps)
    timestep = torch.from_numpy(rng.integers(lowest, highest, size=batch)).to(device)
    after_start = torch.from_numpy(rng.integers(*START_TIMESTEPS, size=batch)).to(device)
    timestep = torch.where(known_start, after_start, timestep)
    noisy = pipe.scheduler.add_noise(clean, noise, timestep)
    noisy[known_start, 0] = clean[known_start, 0]
    velocity = pipe.scheduler.get_velocity(clean, noise, timestep)
    tokens = pipe.tokenizer(
        captions, padding="max_length", max_length=build.TEXT_LENGTH, truncation=True, return_tensors="pt"
    )
    with torch.autocast(device.type, torch.bfloat16):
        # No attention mask: the pipeline gives the text encoder none either.
        text = pipe.text_encoder(tokens.input_ids.to(device)).last_hidden_state
        predicted = pipe.transformer(noisy, text, timestep).sample
    weight = 1 + (settings.object_weight - 1) * objects + settings.motion_weight * motion
    weight[known_start, 0] = 0
    error = (predicted.float() - velocity).square().mean(dim=2)
    return (weight * error).sum() / weight.sum()


@torch.no_grad()
def encoded_scenes(vae: AutoencoderKLCogVideoX, count: int, cache: Path) -> EncodedScenes:
    """The first training scenes through the VAE; made once, kept in `cache`."""
    if cache.exists():
        with safe_open(cache, "pt") as file:
            facts = json.loads(file.metadata()["facts"])
            facts = [Facts([Told(*thing) for thing in things], *others) for things, *others in facts]
            return EncodedScenes(*(file.get_tensor(name) for name in ("latents", "objects", "motion")), facts)
    latents, objects, motion, facts = [], [], [], []
    for seed in range(count):
        scene = world.sample(seed)
        with torch.autocast(vae.device.type, torch.bfloat16):
            mean = vae.encode(pixels(scene)[None].to(vae.device)).latent_dist.mean
        latents.append(mean[0].transpose(0, 1).half().cpu())
        size = latents[0].shape[-2:]
        objects.append(latent_share([thing.mask for thing in scene.objects], size).half())
        motion.append(latent_share([thing.motion_mask for thing in scene.objects], size).half())
        moving = [_of_latents(torch.from_numpy(thing.moving).float()) >= 0.5 for thing in scene.objects]
        told = [thing.told for thing in scene.objects]
        facts.append(Facts(told, [frames.tolist() for frames in moving], scene.background))
        if (seed + 1) % 200 == 0:
            print(f"{seed + 1} of {count} scenes encoded", flush=True)
    scenes = EncodedScenes(torch.stack(latents), torch.stack(objects), torch.stack(motion), facts)
    with atomic_write(cache) as unfinished:
        tensors = {"latents": scenes.latents, "objects": scenes.objects, "motion": scenes.motion}
        save_file(tensors, unfinished, {"facts": json.dumps(facts)})
    return scenes


def latent_share(masks: list[np.ndarray], size: tuple[int, int]) -> torch.Tensor:
    """The share of each latent that any mask covers, `[F, h, w]`."""
    anything = torch.from_numpy(np.any(masks, axis=0)).float()
    return _of_latents(torch.nn.functional.adaptive_avg_pool2d(anything, size))


def _of_latents(values: torch.Tensor) -> torch.Tensor:
    """Means over the frames `[T, …]` of each latent frame, `[F, …]`: the first is alone, then four go together."""
    return torch.cat([values[:1], values[1:].unflatten(0, (-1, 4)).mean(dim=1)])


def pixels(scene: world.Scene) -> torch.Tensor:
    """Frames as the VAE takes them: fp32 `[3, T, H, W]` in [−1, 1]."""
    return torch.from_numpy(scene.frames).permute(3, 0, 1, 2) / 127.5 - 1


def _generator(seed: int, step: int) -> torch.Generator:
    """Noise that belongs to one step of one run, the same on every device."""
    return torch.Generator().manual_seed(seed * 1_000_003 + step)


def main() -> None:
    """Reads the command line, trains, and validates."""
    parser = argparse.ArgumentParser(prog="python -m imap_fast.demo.train", description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path(__file__).parent / "model", help="where the pipeline goes")
    parser.add_argument(
        "--work", type=Path, default=Path("demo-training"), help="where checkpoints go, and resume from"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true", help="compile the transformer: twice as fast on a CPU")
    for field in dataclasses.fields(Settings):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)
    given = vars(parser.parse_args())
    model, work, device, compiled = (given.pop(name) for name in ("model", "work", "device", "compile"))
    settings = Settings(**given)
    pipe = build.pipeline(settings.seed).to(device)
    if compiled:
        pipe.transformer.compile()
    train(pipe, settings, work, model)
    print(json.dumps(validate(model)))


if __name__ == "__main__":
    main()

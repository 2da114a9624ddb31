"""The training of the demo model from random weights: `python -m imap_fast.demo.train`.

The VAE is trained first, on rendered clips. Then transformer and text encoder are trained together on the latents of a
fixed set of scenes, with v-prediction, and on single latent frames before clips, as for CogVideoX. Each checkpoint logs
the AUC of the maps on validation scenes, which at the end also choose the layers and the step that the demo reads. The
randomness of a step depends on the seed and the step alone, so a stopped run resumes exactly.

With `--minutes`, time bounds the training of a larger model instead, for a GPU (`imap_fast.demo.timed`).
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXPipeline

from imap_fast.demo import build, losses, world
from imap_fast.demo.accelerator import compile_blocks
from imap_fast.demo.choices import draw_choices
from imap_fast.demo.export import export
from imap_fast.demo.fit import fit
from imap_fast.demo.latents import EncodedScenes, encoded_scenes, pixels, scale_to_unit_variance
from imap_fast.demo.losses import CROPS_SHARE, draw_crops
from imap_fast.demo.schedule import Clock, Steps
from imap_fast.demo.settings import STEP_COUNTS, VAE_SCENES, Settings
from imap_fast.demo.timed import GPU_SETTINGS, train_within
from imap_fast.demo.validate import localization, validate

CLOCK = "clock.json"  # in the work folder of a training within minutes


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
        schedule=Steps(settings.vae_steps, save_every),
        rates={"vae": settings.vae_rate},
        checkpoint=work / "vae.safetensors",
    )
    pipe.vae.requires_grad_(False)
    scenes = encoded_scenes(pipe.vae, settings.scenes, work / "scenes.safetensors")
    scale_to_unit_variance(pipe, scenes)
    fit(
        {"transformer": pipe.transformer, "text_encoder": pipe.text_encoder},
        lambda step: velocity_loss(pipe, scenes, settings, step),
        schedule=Steps(settings.still_steps + settings.clip_steps, save_every),
        rates={"transformer": settings.rate, "text_encoder": settings.text_rate},
        checkpoint=work / "transformer.safetensors",
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
    """The loss of the VAE at a step, counted from 0, on `clips` `[3, T, H, W]`."""
    rng = np.random.default_rng([settings.seed, step])
    batch = draw_crops(rng, clips, settings.vae_batch, whole=step >= CROPS_SHARE * settings.vae_steps)
    return losses.reconstruction_loss(
        vae, batch.to(vae.device), settings.kl_weight, _noise_generator(settings.seed, step)
    )


def velocity_loss(pipe: CogVideoXPipeline, scenes: EncodedScenes, settings: Settings, step: int) -> torch.Tensor:
    """The loss of transformer and text encoder at a step, counted from 0."""
    rng = np.random.default_rng([settings.seed, step])
    still = step < settings.still_steps or rng.random() < settings.still_share
    choices = draw_choices(rng, scenes.descriptions, pipe.tokenizer, settings, still=still)
    return losses.velocity_loss(pipe, scenes, choices, settings, _noise_generator(settings.seed, step))


def _noise_generator(seed: int, step: int) -> torch.Generator:
    """The generator of the noise of one step. It is on the CPU, so that the noise does not depend on the device."""
    return torch.Generator().manual_seed(seed * 1_000_003 + step)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, train, and validate."""
    parser = argparse.ArgumentParser(prog="python -m imap_fast.demo.train", description="Train the demo model.")
    parser.add_argument(
        "--model", type=Path, default=Path(__file__).parent / "model", help="folder of the trained pipeline"
    )
    parser.add_argument("--work", type=Path, default=Path("demo-training"), help="folder of checkpoints to resume from")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="default: %(default)s")
    parser.add_argument("--compile", action="store_true", help="compile the transformer: twice as fast on a CPU")
    parser.add_argument(
        "--minutes", type=float, help="train a larger model, made for a GPU, for this long, validation included"
    )
    for field in dataclasses.fields(Settings):
        flag = f"--{field.name.replace('_', '-')}"
        parser.add_argument(flag, type=type(field.default), default=argparse.SUPPRESS, help=_default(field))
    options = vars(parser.parse_args(arguments))
    model, work, device, compiled, minutes = (
        options.pop(name) for name in ("model", "work", "device", "compile", "minutes")
    )
    if complaint := _complaint(minutes, work, options):
        parser.error(complaint)
    if minutes is None:
        settings = Settings(**options)
        pipe = build.pipeline(settings.seed).to(device)
        if compiled:
            pipe.transformer.compile()
        train(pipe, settings, work, model)
        entry = validate(model)
    else:
        clock = Clock(work / CLOCK)
        clock.save()
        settings = dataclasses.replace(GPU_SETTINGS, **options)
        pipe = build.pipeline(settings.seed, **build.GPU_SIZE).to(device)
        if compiled:
            compile_blocks(pipe)
        entry = train_within(minutes, pipe, settings, work, model, clock)
    print(json.dumps(entry))


def _default(field: dataclasses.Field[Any]) -> str:
    """The help of a setting."""
    with_minutes = getattr(GPU_SETTINGS, field.name)
    return f"default: {field.default}" + (f", with --minutes {with_minutes}" if with_minutes != field.default else "")


def _complaint(minutes: float | None, work: Path, given: dict[str, Any]) -> str:
    """What is wrong with the options, or nothing."""
    if minutes is None:
        in_minutes = (work / CLOCK).exists()
        return f"{work} holds a training with --minutes; give --minutes, or another --work" if in_minutes else ""
    if minutes <= 0:
        return f"--minutes is {minutes}; give more than 0"
    if counts := [f"--{name.replace('_', '-')}" for name in STEP_COUNTS if name in given]:
        return f"{' and '.join(counts)} cannot be used with --minutes, which bounds the training by time; leave one out"
    if (work / "vae.safetensors").exists() and not (work / CLOCK).exists():
        return f"{work} holds a training without --minutes; give another --work"
    return ""


if __name__ == "__main__":
    main()

"""The training of the demo model within minutes, for a GPU: `python -m imap_fast.demo.train --minutes 7`.

Time bounds each part, so that all of them fit on any device: the VAE, the encoding of scenes, stills, clips, and the
validation. Learning rates end where their part ends. Scenes are rendered and encoded on the device, many at once, and
what is random about a step is drawn while earlier steps run. All is saved every minute, and a stopped run resumes from
there with the time that is left. Unlike a training that counts steps, it does not end with the same weights each time.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXPipeline
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerFast

from imap_fast.demo.accelerator import device_name, items_ahead, speed_up
from imap_fast.demo.build import NUM_FRAMES, SIDE
from imap_fast.demo.choices import Choices, draw_choices
from imap_fast.demo.export import export
from imap_fast.demo.fit import Log, fit
from imap_fast.demo.latents import (
    EncodedScenes,
    SceneDescription,
    encode,
    latent_share,
    mostly_moving,
    scale_to_unit_variance,
    to_pixels,
)
from imap_fast.demo.layout import Layout, draw_layout
from imap_fast.demo.losses import CROPS_SHARE, draw_crops, reconstruction_loss, velocity_loss
from imap_fast.demo.schedule import Clock, Window
from imap_fast.demo.settings import STEP_COUNTS, VAE_SCENES, Settings
from imap_fast.demo.torch_world import render
from imap_fast.demo.validate import validate

# The settings of `Settings` that suit a GPU and a larger transformer. There are at most `scenes` scenes.
GPU_SETTINGS = Settings(vae_batch=64, scenes=8192, still_batch=192, clip_batch=32, rate=1e-3)
STILLS_SHARE = 0.35  # of the transformer's time: all of it is on stills
VALIDATION_SCENES = 8
_SCENES_AT_ONCE = 64


class Parts(NamedTuple):
    """The parts of a training, in their order."""

    vae: Window
    encoding: Window
    transformer: Window
    validation: Window


def parts(clock: Clock, minutes: float) -> Parts:
    """The part of the time that each part of a training has."""
    ends = (0.0, 0.22, 0.30, 0.88, 1.0)
    return Parts(*(Window(clock, 60 * minutes * begin, 60 * minutes * end) for begin, end in itertools.pairwise(ends)))


def train_within(
    minutes: float, pipe: CogVideoXPipeline, settings: Settings, work: Path, model: Path, clock: Clock
) -> dict[str, Any]:
    """Train a pipeline from `build.pipeline` in place, export it every minute, and validate it.

    Args:
        minutes: for all of it, those of earlier runs included.
        pipe: the pipeline, on the device of the training. All of its weights are trained.
        settings: of the training. Those that count steps are not used.
        work: folder of the checkpoints. Training resumes from those in it.
        model: folder of the exported pipeline.
        clock: of the training.

    Returns:
        What `validate` returns.
    """
    device = pipe.transformer.device
    speed_up(pipe)
    of = parts(clock, minutes)
    vae_log = _train_vae(pipe.vae, settings, of.vae, work / "vae.safetensors")
    scenes = encoded_within(pipe.vae, settings, of.encoding, work / "scenes.safetensors")
    scale_to_unit_variance(pipe, scenes)

    def save(log: Log) -> None:
        done = {"vae_steps": vae_log[-1]["step"], "scenes": len(scenes.latents), "transformer_steps": log[-1]["step"]}
        kept = {name: value for name, value in dataclasses.asdict(settings).items() if name not in STEP_COUNTS}
        record = kept | {"minutes": minutes, "device": device_name(device)} | done
        export(pipe, model, settings=record, logs={"vae": vae_log, "transformer": log})
        clock.save()

    _train_transformer(pipe, scenes, settings, of.transformer, work / "transformer.safetensors", save)
    entry = validate(model, scenes=VALIDATION_SCENES, device=device, is_over=lambda: of.validation.is_over(1))
    clock.save()
    return entry


def _train_vae(vae: AutoencoderKLCogVideoX, settings: Settings, window: Window, checkpoint: Path) -> Log:
    """Train the VAE in its window, and freeze it."""
    noise = torch.Generator(vae.device).manual_seed(settings.seed)
    rng = np.random.default_rng([settings.seed, round(window.clock.seconds())])
    clips: list[torch.Tensor] = []

    def loss_at(_: int) -> torch.Tensor:
        if not clips:
            batches = _layouts(min(settings.scenes, VAE_SCENES), vae.device)
            for layouts in batches:
                clips.extend(to_pixels(render(layouts, side=SIDE, device=vae.device).frames))
        batch = draw_crops(rng, clips, settings.vae_batch, whole=window.progress >= CROPS_SHARE)
        return reconstruction_loss(vae, batch, settings.kl_weight, noise)

    log = fit(
        {"vae": vae},
        loss_at,
        schedule=window,
        rates={"vae": settings.vae_rate},
        checkpoint=checkpoint,
        measure=lambda: {"seconds": round(window.clock.seconds())},
        on_save=lambda _: window.clock.save(),
    )
    vae.requires_grad_(False)
    return log


@torch.no_grad()
def encoded_within(vae: AutoencoderKLCogVideoX, settings: Settings, window: Window, cache: Path) -> EncodedScenes:
    """As many training scenes as are encoded in the window, at most `settings.scenes`, on the device of the VAE.

    They are read from the file `cache` if it exists.
    """
    if cache.exists():
        return EncodedScenes.load(cache).to(vae.device)
    batches: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
    descriptions: list[SceneDescription] = []
    for layouts in _layouts(settings.scenes, vae.device):
        frames, masks, moving = render(layouts, side=SIDE, device=vae.device)
        latents = encode(vae, to_pixels(frames))
        size = (latents.shape[-2], latents.shape[-1])
        objects, motion = (
            torch.stack([latent_share(each, size) for each in kind])
            for kind in (masks, masks & moving[..., None, None])
        )
        batches.append((latents, objects, motion))
        descriptions += [_describe(layout) for layout in layouts]
        if window.is_over(len(descriptions)):
            break
    print(f"{len(descriptions)} scenes encoded, second {window.clock.seconds():.0f} of {window.end:.0f}", flush=True)
    latents, objects, motion = (torch.cat(tensors) for tensors in zip(*batches, strict=True))
    scenes = EncodedScenes(latents, objects, motion, descriptions)
    scenes.save(cache)
    window.clock.save()
    return scenes


def _train_transformer(
    pipe: CogVideoXPipeline,
    scenes: EncodedScenes,
    settings: Settings,
    window: Window,
    checkpoint: Path,
    on_save: Callable[[Log], None],
) -> None:
    """Train transformer and text encoder in their window, on stills first."""
    device = pipe.transformer.device
    noise = torch.Generator(device).manual_seed(settings.seed)
    drawn = DrawnChoices(scenes.descriptions, pipe.tokenizer, settings, window, round(window.clock.seconds()))
    choices: Iterator[Choices] = items_ahead(drawn, itertools.count(), device)
    fit(
        {"transformer": pipe.transformer, "text_encoder": pipe.text_encoder},
        lambda _: velocity_loss(pipe, scenes, next(choices).to(device), settings, noise),
        schedule=window,
        rates={"transformer": settings.rate, "text_encoder": settings.text_rate},
        checkpoint=checkpoint,
        measure=lambda: {"seconds": round(window.clock.seconds())},
        on_save=on_save,
    )


@dataclass(frozen=True)
class DrawnChoices(Dataset[Choices]):
    """The choices of each step of the transformer. A resumed run has another `start`, and draws others."""

    descriptions: list[SceneDescription]
    tokenizer: PreTrainedTokenizerFast
    settings: Settings
    window: Window
    start: int

    def __getitem__(self, step: int) -> Choices:
        rng = np.random.default_rng([self.settings.seed, self.start, step])
        still = self.window.progress < STILLS_SHARE or rng.random() < self.settings.still_share
        return draw_choices(rng, self.descriptions, self.tokenizer, self.settings, still=still)


@dataclass(frozen=True)
class _LayoutBatches(Dataset[list[Layout]]):
    """The first `count` training scenes, `_SCENES_AT_ONCE` in an item."""

    count: int

    def __getitem__(self, index: int) -> list[Layout]:
        seeds = range(self.count)[index * _SCENES_AT_ONCE :][:_SCENES_AT_ONCE]
        return [draw_layout(seed, "train", NUM_FRAMES) for seed in seeds]


def _layouts(count: int, device: torch.device) -> Iterator[list[Layout]]:
    """The first `count` training scenes in batches, drawn in advance for a GPU."""
    return items_ahead(_LayoutBatches(count), range(-(-count // _SCENES_AT_ONCE)), device)


def _describe(layout: Layout) -> SceneDescription:
    """What captions need of a scene."""
    moving = torch.from_numpy(np.stack([thing.path.moving for thing in layout.objects]))
    return SceneDescription([thing.description for thing in layout.objects], mostly_moving(moving), layout.background)

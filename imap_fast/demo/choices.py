"""What one step of the demo's transformer trains on: everything random about it, except the noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from imap_fast.demo.build import LATENT_FRAMES, TEXT_LENGTH
from imap_fast.demo.captions import caption
from imap_fast.demo.latents import SceneDescription
from imap_fast.demo.settings import Settings

CLIP_TIMESTEPS = 0, 1000
STILL_TIMESTEPS = 300, 900  # colours, shapes and motions are uncertain but not lost, so the caption matters
START_TIMESTEPS = 600, 1000  # what follows a clean first latent frame is uncertain


class Choices(NamedTuple):
    """The batch of one step, `B` clips or `B` stills.

    Attributes:
        scenes: indices of the scenes, int64 `[B]`.
        frames: the latent frame of each still, int64 `[B]`. None: whole clips.
        tokens: of the captions, int64 `[B, TEXT_LENGTH]`.
        timesteps: int64 `[B]`.
        clean_start: whether the first latent frame stays clean, bool `[B]`.
    """

    scenes: torch.Tensor
    frames: torch.Tensor | None
    tokens: torch.Tensor
    timesteps: torch.Tensor
    clean_start: torch.Tensor

    def to(self, device: torch.device) -> Choices:
        """The same choices on a device. The copy from pinned memory waits for nothing."""
        frames = None if self.frames is None else self.frames.to(device, non_blocking=True)
        scenes, tokens, timesteps, clean_start = (
            each.to(device, non_blocking=True) for each in (self.scenes, self.tokens, self.timesteps, self.clean_start)
        )
        return Choices(scenes, frames, tokens, timesteps, clean_start)


def draw_choices(
    rng: np.random.Generator,
    descriptions: Sequence[SceneDescription],
    tokenizer: PreTrainedTokenizerFast,
    settings: Settings,
    *,
    still: bool,
) -> Choices:
    """Draw the batch of one step. Timesteps are drawn uniformly.

    Args:
        rng: the source of randomness. The same state gives the same choices.
        descriptions: of all scenes.
        tokenizer: of the pipeline.
        settings: of the training.
        still: whether to draw stills, whose captions are of that moment.
    """
    batch = settings.still_batch if still else settings.clip_batch
    scenes = rng.integers(len(descriptions), size=batch)
    objects = [descriptions[scene].objects for scene in scenes]
    frames = None
    if still:
        # The first latent frame encodes a single frame, which shows no motion.
        frames = rng.integers(1, LATENT_FRAMES, size=batch)
        objects = [descriptions[scene].at_latent_frame(frame) for scene, frame in zip(scenes, frames, strict=True)]
    captions = [
        "" if rng.random() < settings.caption_dropout else caption(rng, described, descriptions[scene].background)
        for scene, described in zip(scenes, objects, strict=True)
    ]
    clean_start = rng.random(batch) < (0 if still else settings.start_share)
    timesteps = rng.integers(*(STILL_TIMESTEPS if still else CLIP_TIMESTEPS), size=batch)
    timesteps = np.where(clean_start, rng.integers(*START_TIMESTEPS, size=batch), timesteps)
    tokens = tokenizer(captions, padding="max_length", max_length=TEXT_LENGTH, truncation=True, return_tensors="pt")
    return Choices(
        torch.from_numpy(scenes),
        None if frames is None else torch.from_numpy(frames),
        tokens.input_ids,
        torch.from_numpy(timesteps),
        torch.from_numpy(clean_start),
    )

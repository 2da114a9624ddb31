"""Mochi: its latents of a real video are those that its pipeline decodes."""

from __future__ import annotations

import torch

from imap_fast.models.registry import adapter_for
from tests.assertions import assert_close
from tests.explaining.test_explain import clip
from tests.tiny_mochi import tiny_pipeline
from tests.tiny_size import HEIGHT, WIDTH


def test_latents_are_normalized_as_the_pipeline_takes_them_back() -> None:
    pipeline, frames = tiny_pipeline(), clip(13).frames
    forward = adapter_for(pipeline).video_forward(None, HEIGHT, WIDTH)
    with torch.no_grad():
        latents = forward.encode(frames)["latents"]
        own = pipeline.vae.encode(forward.encoder.pixels(frames)).latent_dist.mode()
    config = pipeline.vae.config
    mean, std = (torch.tensor(row).view(1, -1, 1, 1, 1) for row in (config.latents_mean, config.latents_std))
    assert_close(latents * std / config.scaling_factor + mean, own, 1e-5)

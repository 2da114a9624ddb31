"""Mochi: its latents of a real video are those that its pipeline decodes."""

from __future__ import annotations

import pytest
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


def test_a_vae_without_statistics_has_its_scale_alone() -> None:
    """As in its pipeline."""
    pipeline, frames = tiny_pipeline(), clip(13).frames
    pipeline.vae.register_to_config(latents_mean=None, latents_std=None)
    forward = adapter_for(pipeline).video_forward(None, HEIGHT, WIDTH)
    with torch.no_grad():
        own = pipeline.vae.encode(forward.encoder.pixels(frames)).latent_dist.mode()
        assert_close(forward.encode(frames)["latents"], own * pipeline.vae.config.scaling_factor, 1e-6)


def test_a_schedule_of_one_step_is_refused() -> None:
    with pytest.raises(ValueError, match="num_inference_steps=1 is too few for Mochi's schedule; give 2"):
        adapter_for(tiny_pipeline()).video_forward(1, HEIGHT, WIDTH)

"""Cosmos: its latents of a real video are those that its pipeline decodes."""

from __future__ import annotations

import pytest
import torch

from imap_fast.models.registry import adapter_for
from tests.assertions import assert_close
from tests.explaining.test_explain import clip
from tests.tiny_cosmos import tiny_pipeline
from tests.tiny_size import HEIGHT, WIDTH


@pytest.mark.parametrize("has_statistics", [False, True])
def test_latents_are_normalized_as_the_pipeline_takes_them_back(has_statistics: bool) -> None:
    pipeline, frames = tiny_pipeline(), clip().frames
    mean, std = torch.zeros(4, 5), torch.ones(4, 5)  # of each channel and frame, also of frames that are not there
    if has_statistics:
        mean, std = torch.randn(4, 5), 1 + torch.rand(4, 5)
        pipeline.vae.register_to_config(latents_mean=mean.flatten().tolist(), latents_std=std.flatten().tolist())
    forward = adapter_for(pipeline).video_forward(None, HEIGHT, WIDTH)
    with torch.no_grad():
        latents = forward.encode(frames)["latents"]
        own = pipeline.vae.encode(forward.encoder.pixels(frames)).latent_dist.mode()
    mean, std = (rows[None, :, :3, None, None] for rows in (mean, std))
    assert_close(latents * std / pipeline.scheduler.config.sigma_data + mean, own, 1e-5)

"""Cosmos: its latents of a real video are those that its pipeline decodes."""

from __future__ import annotations

import copy

import diffusers
import pytest
import torch

import imap_fast
from imap_fast.models.registry import adapter_for
from tests.assertions import assert_close
from tests.explaining.test_explain import clip
from tests.pipelines import generate
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


def test_statistics_of_frames_are_of_no_other_vae_and_no_longer_window() -> None:
    pipeline = tiny_pipeline()
    statistics = {"latents_mean": [0.0] * 8, "latents_std": [1.0] * 8}  # of two latent frames of 4 channels
    pipeline.vae.register_to_config(**statistics)
    adapter = adapter_for(pipeline)
    forward = adapter.video_forward(None, HEIGHT, WIDTH)
    with torch.no_grad():
        assert forward.encode(clip(5).frames)["latents"].shape[2] == 2
        with pytest.raises(ValueError, match="no statistics for so many frames in a window; give window=5"):
            forward.encode(clip(9).frames)
    with pytest.raises(ValueError, match="normalizes each frame by itself, which no other one does; omit vae="):
        adapter.video_forward(None, HEIGHT, WIDTH, copy.deepcopy(pipeline.vae))


@pytest.mark.parametrize("name", ["Cosmos2_5_PredictBasePipeline", "Cosmos2_5_TransferPipeline"])
def test_words_in_a_template_that_is_not_known_are_refused(name: str) -> None:
    assert hasattr(diffusers, name)
    pipeline = tiny_pipeline()
    pipeline.__class__ = type(name, (type(pipeline),), {})
    with pytest.raises(ValueError, match="puts a template around the prompt, whose rows are not known"):
        with imap_fast.trace(pipeline, ["cat"], match="prompt", layers=[0], top_k=2):
            generate(pipeline)

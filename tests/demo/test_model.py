"""The shipped model: small, loadable, trained and validated."""

import json

import pytest
import torch
from diffusers import CogVideoXPipeline

from imap_fast.demo import build, world
from imap_fast.demo.latents import pixels
from imap_fast.demo.shipped_model import MODEL


@pytest.fixture(scope="module")
def pipe():
    return CogVideoXPipeline.from_pretrained(MODEL)


def test_it_is_small_and_holds_no_pickle():
    files = [file for file in MODEL.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 10_000_000
    assert {file.suffix for file in files} <= {".json", ".csv", ".safetensors"}


def test_its_record_has_the_settings_of_its_training_and_the_best_to_read(pipe):
    record = json.loads((MODEL / "training.json").read_text())
    assert record["settings"]["clip_steps"] > 0
    assert set(record["chosen"]["layers"]) <= set(range(pipe.transformer.config.num_layers))
    assert all(0 <= step < 50 for step in record["chosen"]["steps"])
    assert record["chosen"]["validation"]["mean_auc"]["cross_attention"]["objects"] > 0.9
    assert len((MODEL / "training.csv").read_text().splitlines()) > 10


@pytest.mark.slow
def test_the_vae_reconstructs_a_scene(pipe):
    clip = pixels(world.sample(0, "held_out"))[None]
    with torch.no_grad():
        decoded = pipe.vae.decode(pipe.vae.encode(clip).latent_dist.mean).sample
    assert decoded.shape == clip.shape
    assert (decoded - clip).abs().mean() < 0.05, "of pixels in [−1, 1]"


@pytest.mark.slow
def test_it_generates_a_clip_of_the_same_size_with_guidance(pipe):
    pipe.set_progress_bar_config(disable=True)
    video = pipe(
        "a red circle slides right",
        num_inference_steps=2,
        max_sequence_length=build.TEXT_LENGTH,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
    ).frames[0]
    assert video.shape == (build.NUM_FRAMES, build.SIDE, build.SIDE, 3)

"""A video longer than the model's clip: all of it is read, on time and without seams."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import CogVideoXImageToVideoPipeline

import imap_fast
from imap_fast import SaliencyMaps
from imap_fast.models.real_video.noise import Noise
from imap_fast.models.registry import adapter_for
from tests.architectures import ARCHITECTURES
from tests.assertions import assert_close
from tests.explaining.test_explain import ARGUMENTS, READ, ROTARY, clip
from tests.pipelines import EXPLAINED, PIPELINES, PROMPT
from tests.precision import in_fp64
from tests.tiny import HEIGHT, WIDTH, tiny_pipeline
from tests.video.media import save_damaged


def explain(pipeline, video, **changed: object) -> imap_fast.SaliencyMaps:
    return imap_fast.explain(pipeline, video, *ARGUMENTS, **{**READ, **changed})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("frames", "windows", "grid"), [(9, 1, 3), (12, 1, 3), (13, 2, 4), (17, 2, 5), (18, 2, 5), (35, 4, 9)]
)
def test_every_latent_frame_of_a_long_video_has_a_map(pipeline, frames: int, windows: int, grid: int) -> None:
    maps = explain(pipeline, clip(frames))
    assert maps.grid == (grid, 2, 3)
    read = maps.settings["video"]
    assert (read["windows"], read["num_frames"], read["window"], read["overlap"]) == (windows, 4 * grid - 3, 9, 1)
    assert maps.gramcol.flatten(2).std(2).min() > 0
    assert maps.seconds.tolist() == pytest.approx([0, *(np.arange(1, grid) * 4 - 1.5) / 8])
    assert maps.upsample(frames, HEIGHT, WIDTH).shape == (2, frames, HEIGHT, WIDTH)


def test_a_long_video_begins_as_its_first_window(pipeline) -> None:
    long = clip(33)
    maps, first = explain(pipeline, long), explain(pipeline, long.frames[:9])
    assert torch.equal(maps.imap[:, :2], first.imap[:, :2])
    assert not torch.equal(maps.imap[:, 2], first.imap[:, 2])  # of the second window, too


def test_each_window_is_what_it_would_be_alone(pipeline, monkeypatch) -> None:
    """But for its noise, which is that of its place in the video."""
    long, draw = clip(17), Noise.draw
    whole = explain(pipeline, long, overlap=1)
    monkeypatch.setattr(Noise, "draw", lambda noise, latents, begin, dim: draw(noise, latents, begin + 2, dim))
    second = explain(pipeline, long.frames[8:])
    assert torch.equal(whole.imap[:, 3:], second.imap[:, 1:])
    monkeypatch.undo()
    first = explain(pipeline, long.frames[:9])
    torch.testing.assert_close(whole.imap[:, 2], (first.imap[:, 2] + second.imap[:, 0]) / 2)


def test_heads_are_the_mean_of_the_windows_and_their_choice(pipeline, monkeypatch) -> None:
    windows, of_video = [], SaliencyMaps.video
    monkeypatch.setattr(SaliencyMaps, "video", lambda maps, row: windows.append(of_video(maps, row)) or windows[-1])
    whole = explain(pipeline, clip(33), windows_per_batch=3, layers=[0, 1, 2], top_k=3)
    scores = torch.stack([window.head_scores for window in windows])
    assert len(scores) == 4
    assert_close(whole.head_scores, scores.mean(0), 1e-6)
    for layer, selected in enumerate(whole.selected_heads.tolist()):
        votes = torch.zeros(4)
        for window in windows:
            votes[window.selected_heads[layer]] += torch.tensor([3.0, 2, 1])  # the best head first
        mean = scores[:, layer].mean(0)
        assert selected == sorted(range(4), key=lambda head: (-votes[head], -mean[head]))[:3]


def test_frames_are_limited_and_windows_chosen(pipeline) -> None:
    long = clip(40)
    limited = explain(pipeline, long, num_frames=17)
    assert torch.equal(limited.imap, explain(pipeline, long.frames[:17]).imap)
    chosen = explain(pipeline, long, num_frames=17, window=13, overlap=3)
    assert [chosen.settings["video"][name] for name in ("window", "overlap", "windows")] == [13, 3, 2]
    assert chosen.grid == (5, 2, 3)


def test_the_text_is_encoded_once(pipeline) -> None:
    encoded, encode = [], pipeline.encode_prompt

    def encode_prompt(prompt, do_classifier_free_guidance=True, **arguments):
        encoded.append(prompt)
        return encode(prompt, do_classifier_free_guidance=do_classifier_free_guidance, **arguments)

    pipeline.encode_prompt = encode_prompt
    explain(pipeline, clip(33))
    assert encoded == [ARGUMENTS[1], ARGUMENTS[0]]


@pytest.mark.slow
# Kandinsky computes parts of it in fp32, whatever its weights are.
@pytest.mark.parametrize("kind", [kind for kind in EXPLAINED if "kandinsky" not in kind])
def test_every_pipeline_explains_long_videos(kind: str) -> None:
    """Windows that pass together give the maps that each gives alone."""
    name, make, _ = PIPELINES[kind]
    architecture = ARCHITECTURES[name]
    read = {**architecture.arguments, "layers": [0, 1], **architecture.sizes, "window": 9}
    alone, batched = (
        imap_fast.explain(in_fp64(make()), clip(21), PROMPT, ["cat", "running"], windows_per_batch=size, **read)
        for size in (1, 3)
    )
    adapter = adapter_for(make())
    assert alone.grid == (-(-(20 // adapter.temporal_compression + 1) // adapter.patch_size[0]), 2, 3)
    for each in architecture.maps:
        assert_close(getattr(batched, each), getattr(alone, each), 1e-6)
    assert_close(batched.head_scores, alone.head_scores, 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXPLAINED)
def test_only_the_transformers_batch_rounds(kind: str) -> None:
    """What a window gives the transformer has the same bits, in whatever batch it passes."""
    name, make, _ = PIPELINES[kind]
    read = {**ARCHITECTURES[name].arguments, "layers": [0, 1], **ARCHITECTURES[name].sizes, "window": 9}

    def seen(windows_per_batch: int) -> dict[str, torch.Tensor]:
        pipeline, rows = make(), {}

        def keep(_: object, args: tuple, inputs: dict[str, object]) -> None:
            for name, value in inputs.items():
                if isinstance(value, torch.Tensor):
                    rows.setdefault(name, []).append(value)

        for part in adapter_for(pipeline).transformers:
            part.register_forward_pre_hook(keep, with_kwargs=True)
        imap_fast.explain(pipeline, clip(21), PROMPT, ["cat", "running"], windows_per_batch=windows_per_batch, **read)
        return {name: torch.cat(values) for name, values in rows.items()}

    alone, batched = seen(1), seen(3)
    assert len(alone["hidden_states"]) == len(batched["hidden_states"]) > 1
    for name, rows in alone.items():
        assert torch.equal(rows[: len(batched[name])], batched[name]), name


@pytest.mark.parametrize("size", [0, -1, 1.5, "many", True])
def test_impossible_batches(pipeline, size: object) -> None:
    with pytest.raises(ValueError, match="windows_per_batch="):
        explain(pipeline, clip(), windows_per_batch=size)


def test_on_a_cpu_auto_is_one_window(pipeline) -> None:
    assert torch.equal(explain(pipeline, clip(21), windows_per_batch="auto").imap, explain(pipeline, clip(21)).imap)


@pytest.mark.slow
def test_a_gap_is_named_and_the_rest_explained(pipeline, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    save_damaged(path, 40, 8)
    with pytest.warns(UserWarning, match=r"clip\.mp4 could not be read from \d\.\d\d s to \d\.\d\d s"):
        maps = explain(pipeline, path)
    ((begin, end),) = maps.settings["video"]["gaps"]
    assert begin < end
    assert maps.seconds.diff().max() > 0.9 * (end - begin) / 2
    assert maps.overlay(path).frames.shape[0] == maps.settings["video"]["num_frames"]


def test_an_image_to_video_model_sees_the_first_frame_of_each_window() -> None:
    pipeline, seen = tiny_pipeline(CogVideoXImageToVideoPipeline, in_channels=8, **ROTARY), []
    pipeline.transformer.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["hidden_states"][0, 0, 4:]), with_kwargs=True
    )
    long = clip(17)
    explain(pipeline, long)
    for window, condition in enumerate(seen):
        with torch.no_grad():
            pixels = torch.from_numpy(long.frames[8 * window]).permute(2, 0, 1)[None, :, None] / 127.5 - 1
            latents = pipeline.vae.encode(pixels).latent_dist.mode()[0, :, 0]
        torch.testing.assert_close(condition, latents * pipeline.vae.config.scaling_factor, rtol=1e-4, atol=1e-5)
    assert len(seen) == 2

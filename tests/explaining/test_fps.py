"""Only some frames of a video pass the model, and the maps cover all of them."""

from __future__ import annotations

import copy
import math
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

import imap_fast
from imap_fast import SaliencyMaps
from imap_fast.explaining.explainer import Explainer
from imap_fast.maps.names import FRAME_NUMBERS
from imap_fast.upsampling.interpolate import neighbours
from imap_fast.video import Clip, VideoFile, read_clip
from tests.architectures import Architecture
from tests.explaining.runs import Killed, contents
from tests.explaining.test_explain import ARGUMENTS, HEIGHT, READ, WIDTH, clip
from tests.tiny import tiny_pipeline
from tests.video.media import save_damaged

CUTS = (19, 21, 70)
"""The first frames of shots. Of the second one, no frame passes at 8 of 24 frames per second."""


@pytest.fixture(scope="module")
def pipeline():
    return tiny_pipeline()


@pytest.fixture(scope="module")
def film() -> Clip:
    """A clip of 24 frames a second. Its frames 0, 3, 6, … pass."""
    return Clip(clip(110).frames, 24.0)


def explain(pipeline, video: object, **changed: object) -> SaliencyMaps:
    return imap_fast.explain(pipeline, video, *ARGUMENTS, **{**READ, "shots": "off", **changed})


@pytest.mark.parametrize("changed", [{}, {"noises": 2}, {"steps": [10, 30]}, {"overlap": 2, "windows_per_batch": 3}])
def test_the_frames_that_pass_give_the_maps_that_they_give_alone(pipeline, film, changed) -> None:
    maps = explain(pipeline, film, **changed)
    alone = explain(pipeline, Clip(film.frames[::3], 8.0), **changed)
    assert alone.frame_numbers is None
    for name, values in alone.tensors().items():
        torch.testing.assert_close(maps.tensors()[name], values, rtol=0, atol=1e-12 if name == "seconds" else 0)
    read = maps.settings["video"]
    assert (read["fps"], read["passed_fps"], read["num_frames"]) == (24.0, 8.0, 110)
    assert maps.frame_numbers.tolist() == [3 * at for at in alone.frame_times(37).tolist()]


def test_all_frames_pass_if_asked_or_if_they_are_not_many_more(pipeline, film) -> None:
    maps = explain(pipeline, film, fps="all", num_frames=25)
    assert (maps.frame_numbers, maps.settings["video"]["passed_fps"]) == (None, None)
    slow = explain(pipeline, Clip(film.frames[:25], 12.0))
    assert torch.equal(slow.imap, maps.imap)
    assert explain(pipeline, Clip(film.frames[:25], 12.0), fps=8).grid[0] < maps.grid[0]


def test_each_model_has_its_rate(architecture: Architecture) -> None:
    expected = {"CogVideoX": 8, "Wan": 16, "HunyuanVideo": 24}
    pipeline = architecture.pipeline()
    if getattr(pipeline.transformer.config, "patch_size_t", None) == 2 and "CogVideoX" in type(pipeline).__name__:
        expected["CogVideoX"] = 16
    (fps,) = (fps for name, fps in expected.items() if type(pipeline).__name__.startswith(name))
    arguments = {**architecture.arguments, "layers": [0, 1], "height": HEIGHT, "width": WIDTH, "window": 9}
    video, thinned = clip(2 * 17), clip(2 * 17).frames[::2]
    maps = imap_fast.explain(
        pipeline, Clip(video.frames, 2 * fps), "a red cat running", ["cat", "running"], **arguments
    )
    alone = imap_fast.explain(pipeline, Clip(thinned, fps), "a red cat running", ["cat", "running"], **arguments)
    assert maps.settings["video"]["passed_fps"] == fps
    assert alone.settings["video"]["passed_fps"] is None
    assert torch.equal(maps.maps[maps.default], alone.maps[alone.default])
    assert maps.settings["video"]["num_frames"] == 34


def test_every_frame_has_a_map_between_those_of_the_latent_frames_around(pipeline, film) -> None:
    maps = explain(pipeline, film)
    large = maps.upsample(110, *maps.grid[1:])
    assert large.shape[1] == 110
    seconds = np.arange(110) / 24
    for concept, values in zip(large, maps.imap, strict=True):
        by_time = np.interp(seconds, maps.seconds.numpy(), values[:, 1, 1].numpy())
        np.testing.assert_allclose(concept[:, 1, 1].numpy(), by_time, atol=1e-6)
    for wrong in (36, 37, 109, 111):
        with pytest.raises(ValueError, match=f"the maps cover 110 frames of the video, not {wrong}; give all of them"):
            maps.upsample(wrong, 8, 8)


def test_a_shot_begins_at_its_cut_and_one_of_no_passing_frame_belongs_to_the_one_before(pipeline, film) -> None:
    maps = explain(pipeline, film, shots=[cut / 24 for cut in CUTS])
    assert [shot.frames for shot in maps.shots] == [range(21), range(21, 70), range(70, 110)]
    assert [shot.seconds for shot in maps.shots] == [0.0, 21 / 24, 70 / 24]
    # The first frames that pass are 0, 21 and 72.
    for shot, (begin, end) in zip(maps.shots, pairwise((0, 21, 72, 110)), strict=True):
        frames = film.frames[begin:end:3]
        # The last one fills the last latent frame, of four frames.
        alone = Clip(np.concatenate([frames, frames[-1:].repeat((1 - len(frames)) % 4, 0)]), 8.0)
        assert torch.equal(maps.imap[:, shot.latents], explain(pipeline, alone).imap)
    assert [maps.frame_numbers[shot.latents][0] for shot in maps.shots] == [0, 21, 72]
    shown = neighbours(maps.frame_times(110), 110, maps.time.cuts)
    for shot in maps.shots:
        near = shown.select(list(shot.frames))
        assert shot.latents.start <= near.before.min()
        assert near.after.max() < shot.latents.stop


def test_it_is_saved_and_checked(pipeline, film, tmp_path: Path) -> None:
    maps = explain(pipeline, film, folder=tmp_path / "run", shots=[20 / 24])
    for path in (tmp_path / "run", tmp_path / "maps.npz", tmp_path / "maps.safetensors"):
        if path.suffix:
            maps.save(path)
        again = SaliencyMaps.load(path)
        assert torch.equal(again.frame_numbers, maps.frame_numbers)
        assert again.shots == maps.shots
        assert torch.equal(again.upsample(110, 8, 8), maps.upsample(110, 8, 8))
    tensors, record = maps.tensors(), maps.record()
    numbers = tensors.pop(FRAME_NUMBERS)
    with pytest.raises(ValueError, match=r"one of frame_numbers and settings\.video\.passed_fps is missing"):
        SaliencyMaps.from_record(record, tensors)
    for wrong in (numbers + 10, numbers - 1, numbers.clamp(min=21), numbers.clamp(max=19)):
        with pytest.raises(ValueError, match="a latent frame is outside of its shot"):
            SaliencyMaps.from_record(record, {**tensors, FRAME_NUMBERS: wrong})
    for wrong, says in (
        ({"num_frames": 2**31 - 1}, "2147483647 frames are too many for"),
        ({"passed_fps": 24.0}, "passed_fps must be below the 24 frames per second of the video"),
    ):
        forged = copy.deepcopy(record)
        forged["settings"]["video"] |= {**wrong, "shots": None}
        with pytest.raises(ValueError, match=says):
            SaliencyMaps.from_record(forged, {**tensors, FRAME_NUMBERS: numbers})
    with pytest.raises(ValueError, match="frame_numbers must be finite numbers that never decrease"):
        SaliencyMaps.from_record(record, {**tensors, FRAME_NUMBERS: numbers.flip(0)})


@pytest.mark.slow
@pytest.mark.parametrize("shots", ["off", [cut / 24 for cut in CUTS], "auto"])
@pytest.mark.parametrize("noises", [1, 2])
def test_a_run_goes_on_to_the_same_bytes(pipeline, film, tmp_path: Path, monkeypatch, shots, noises) -> None:
    path = tmp_path / "film.mp4"
    film.save(path)
    arguments = {"shots": shots, "noises": noises}
    explain(pipeline, path, folder=tmp_path / "whole", **arguments)
    run, passed = Explainer._pass, []

    def stopped(*given: object) -> None:
        if len(passed) % 2:
            passed.append(False)
            raise Killed
        passed.append(True)
        return run(*given)

    monkeypatch.setattr(Explainer, "_pass", stopped)
    for _ in range(20):
        try:
            explain(pipeline, path, folder=tmp_path / "cut", **arguments)
            break
        except Killed:
            continue
    assert sum(passed) >= 4
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_another_rate_is_another_run(pipeline, film, tmp_path: Path) -> None:
    explain(pipeline, film, folder=tmp_path / "run", num_frames=25)
    with pytest.raises(ValueError, match="fps was 'model' and is 'all'"):
        explain(pipeline, film, folder=tmp_path / "run", num_frames=25, fps="all")


@pytest.mark.slow
def test_pictures_show_every_frame(pipeline, film, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    film.save(path)
    maps = explain(pipeline, path)
    maps.save_overlay(tmp_path / "overlay.mp4", path)
    assert len(read_clip(tmp_path / "overlay.mp4").frames) == 110
    maps.report(tmp_path / "report.html", path)
    assert '["frames a second that passed", "8 of 24"]' in (tmp_path / "report.html").read_text("utf-8")
    assert len(maps.grid_figure(path).axes) > 1
    assert maps.timeline(110).axes[0].get_xlim() == (-0.5, 109.5)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_error_while_reading_ahead_ends_the_run_and_loses_nothing(
    pipeline, film, tmp_path: Path, monkeypatch, error
) -> None:
    explain(pipeline, film, folder=tmp_path / "whole")
    pictures = Clip.pictures

    def failing(self: Clip):
        for number, timed in enumerate(pictures(self)):
            if number == 80:
                raise error
            yield timed

    with monkeypatch.context() as patched:
        patched.setattr(Clip, "pictures", failing)
        with pytest.raises(error):
            explain(pipeline, film, folder=tmp_path / "run")
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith(("ahead", "ThreadPool"))]
    assert (tmp_path / "run" / "imap.npy").exists()
    explain(pipeline, film, folder=tmp_path / "run")
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


def test_an_interrupted_model_stops_reading(pipeline, film, monkeypatch) -> None:
    monkeypatch.setattr(Explainer, "_pass", interrupt)
    with pytest.raises(KeyboardInterrupt):
        explain(pipeline, film)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith(("ahead", "ThreadPool"))]


def interrupt(*given: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.slow
def test_losses_are_named_whatever_passes(pipeline, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    save_damaged(path, 80, 24)
    with pytest.warns(UserWarning, match=r"clip\.mp4 could not be read from"):
        every = explain(pipeline, path, fps="all")
    with pytest.warns(UserWarning, match=r"clip\.mp4 could not be read from"):
        thinned = explain(pipeline, path)
    assert thinned.settings["video"]["gaps"] == every.settings["video"]["gaps"] != []
    seconds = [timed.seconds for timed in VideoFile(path).pictures()]
    for number, at in zip(thinned.frame_numbers.tolist(), thinned.seconds.tolist(), strict=True):
        assert seconds[max(0, math.floor(number) - 5)] <= at <= seconds[min(len(seconds) - 1, math.ceil(number) + 5)]
    assert thinned.overlay(path).frames.shape[0] == thinned.settings["video"]["num_frames"]

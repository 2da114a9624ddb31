"""Each shot begins as a clip of its own, and a stretch is what was asked for."""

from __future__ import annotations

import copy
import itertools
import random
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import imap_fast
from imap_fast import SaliencyMaps
from imap_fast.demo import world
from imap_fast.explaining.explainer import Explainer
from imap_fast.explaining.read_frames import EMPTY, ReadFrame
from imap_fast.explaining.shot_windows import ShotWindows
from imap_fast.explaining.windows import Windows
from imap_fast.maps.run_state import ShotState
from imap_fast.upsampling.latent_time import LatentTime
from imap_fast.video import Clip
from imap_fast.video.times import check_shots
from tests.explaining.runs import Killed, contents, killed_after
from tests.explaining.test_explain import ARGUMENTS, READ, clip
from tests.explaining.test_resume import Events, run_and_kill
from tests.explaining.test_resume import explain as run_in_folder
from tests.explaining.test_windows import cuts as windows_of_any_size
from tests.tiny import tiny_pipeline
from tests.tiny_hunyuan_video import tiny_image_pipeline

FPS = 8.0
CUTS = (10, 11, 40, 43)
"""The first frames of the shots: of 10, 1, 29, 3 and 17 frames."""

VIDEO = clip(60)
SECONDS = [cut / FPS for cut in CUTS]


@pytest.fixture(scope="module")
def pipeline():
    return tiny_pipeline()


def explain(pipeline, video: object = VIDEO, **changed: object) -> SaliencyMaps:
    return imap_fast.explain(pipeline, video, *ARGUMENTS, **{**READ, "shots": SECONDS, **changed})


def parts() -> list[Clip]:
    edges = (0, *CUTS, 60)
    return [Clip(VIDEO.frames[begin:end], FPS) for begin, end in itertools.pairwise(edges)]


@pytest.mark.slow
@pytest.mark.parametrize("changed", [{}, {"noises": 2}, {"overlap": 2}], ids=repr)
def test_the_maps_of_a_shot_are_those_of_its_clip(pipeline, changed: dict) -> None:
    maps = explain(pipeline, **changed)
    assert [shot.frames for shot in maps.shots] == [
        range(0, 10),
        range(10, 11),
        range(11, 40),
        range(40, 43),
        range(43, 60),
    ]
    assert [shot.seconds for shot in maps.shots] == [0.0, *SECONDS]
    for shot, part in zip(maps.shots, parts(), strict=True):
        alone = explain(pipeline, part, shots="off", **changed)
        for name in maps.maps:
            assert torch.equal(maps.maps[name][:, shot.latents], alone.maps[name])
        for name, spread in (maps.spreads or {}).items():
            assert torch.equal(spread[:, shot.latents], alone.spreads[name])
        torch.testing.assert_close(maps.seconds[shot.latents], alone.seconds + shot.seconds)


@pytest.mark.slow
@pytest.mark.parametrize("windows_per_batch", [1, 3])
def test_a_text_encoder_that_sees_the_video_sees_each_shot(windows_per_batch: int, tmp_path: Path) -> None:
    """Image-to-video HunyuanVideo gives the first frame to its text encoder."""
    pipeline = tiny_image_pipeline(image_condition_type="token_replace")
    size = {"height": 32, "width": 48}
    changed = {"shots": [20 / FPS, 30 / FPS], "num_frames": 40, "windows_per_batch": windows_per_batch, **size}
    maps = explain(pipeline, folder=tmp_path / "whole", **changed)
    for shot in maps.shots:
        alone = explain(pipeline, Clip(VIDEO.frames[shot.frames.start : shot.frames.stop], FPS), shots="off", **size)
        torch.testing.assert_close(maps.imap[:, shot.latents], alone.imap, rtol=1e-4, atol=1e-4)
    run, passed = Explainer._pass, []

    def stop(*arguments: object) -> None:
        if len(passed) == 2:
            raise Killed
        passed.append(run(*arguments))
        return passed[-1]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Explainer, "_pass", stop)
        with pytest.raises(Killed):
            explain(pipeline, folder=tmp_path / "cut", **changed)
    explain(pipeline, folder=tmp_path / "cut", **changed)
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


@pytest.mark.slow
def test_cut_off_after_any_window_it_goes_on_to_the_same_bytes(pipeline, tmp_path: Path) -> None:
    """Shots of 10, 1 and 14 frames."""
    video, shots = Clip(VIDEO.frames[:25], FPS), SECONDS[:2]
    explain(pipeline, video, shots=shots, folder=tmp_path / "whole")
    windows = SaliencyMaps.load(tmp_path / "whole").settings["video"]["windows"]
    assert windows == 4
    for last in range(windows + 1):
        folder = tmp_path / str(last)
        run = partial(explain, pipeline, video, shots=shots, folder=folder)
        assert killed_after(last, run)
        run()
        assert contents(folder) == contents(tmp_path / "whole"), last


def test_windows_of_one_length_pass_together(pipeline, monkeypatch) -> None:
    passed, run = [], Explainer._pass

    def watched(explainer, batch, state):
        passed.append([len(window.frames) for window in batch])
        return run(explainer, batch, state)

    monkeypatch.setattr(Explainer, "_pass", watched)
    explain(pipeline, windows_per_batch=3)
    assert all(len(set(lengths)) == 1 and len(lengths) <= 3 for lengths in passed)
    assert max(map(len, passed)) > 1
    whole = [length for lengths in passed for length in lengths]
    passed.clear()
    explain(pipeline)
    assert [length for lengths in passed for length in lengths] == whole


def test_a_short_first_shot_does_not_decide_what_fits(pipeline, monkeypatch) -> None:
    from imap_fast.explaining import explainer

    asked = []
    monkeypatch.setattr(explainer.PeakMeter, "windows_that_fit", lambda meter: asked.append(len(asked)) or 2)
    seen = []
    run = Explainer._pass

    def watched(self, batch, state):
        seen.append((len(batch), len(batch[0].frames), state.windows_per_batch))
        return run(self, batch, state)

    monkeypatch.setattr(Explainer, "_pass", watched)
    explain(pipeline, shots=[1 / FPS], windows_per_batch="auto")
    assert seen[0] == (1, 1, None)
    assert seen[1] == (1, 9, None)
    assert seen[2] == (2, 9, 2)
    assert len(asked) == 1


@st.composite
def shots_of(draw: st.DrawFn) -> tuple[int, list[int]]:
    frames = draw(st.integers(1, 150))
    return frames, sorted(draw(st.sets(st.integers(1, max(frames - 1, 1)), max_size=6)))


@given(windows_of_any_size(), shots_of(), st.integers(0, 12), st.integers(1, 4), st.booleans())
def test_no_window_passes_a_cut_and_any_of_them_can_be_the_last(
    windows: Windows, drawn: tuple[int, list[int]], done: int, every: int, fills: bool
) -> None:
    frames, cuts = drawn
    cuts = [cut for cut in cuts if cut < frames]
    stream = [
        ReadFrame(number, number / 10, number % every == 0, (1, 1), np.uint8(number), EMPTY) for number in range(frames)
    ]
    split = ShotWindows(windows, [cut / 10 for cut in cuts], fills=fills)
    all_windows = list(split.split(stream))
    parts = [range(begin, end) for begin, end in itertools.pairwise([0, *cuts, frames])]
    passing = [[number for number in part if number % every == 0] for part in parts]
    if fills:
        passing = [numbers + numbers[-1:] * windows.missing(len(numbers)) for numbers in passing]
    expected = [
        (part[0], latent, list(seen))
        for part, numbers in zip(parts, passing, strict=True)
        for latent, seen in windows.split(numbers)
    ]
    assert [(each.shot.number, each.begin, [frame.number for frame in each.frames]) for each in all_windows] == expected
    for part, numbers in zip(parts, passing, strict=True):
        of_shot = [each for each in all_windows if each.shot.number == part[0]]
        covered = {number for each in of_shot for number in (frame.number for frame in each.frames)}
        assert covered >= {*numbers} or not fills, "no frame that passes is left out"
        if numbers:
            assert of_shot[-1].last == (part[-1] if fills else max(covered))
    firsts = {part[0]: numbers[0] for part, numbers in zip(parts, passing, strict=True) if numbers}
    assert all(each.shot.pixels == firsts[each.shot.number] for each in all_windows)
    count = min(done, len(all_windows))
    if count:
        shot = all_windows[count - 1].shot
        finished = sum(each.shot.number == shot.number for each in all_windows[:count])
        current = ShotState(first_frame=shot.number, first_latent=0, seconds=shot.seconds, windows=finished)
        rest = list(split.split(stream[current.first_frame :], current))
        assert [(each.shot.number, each.begin, each.frames, each.last) for each in rest] == [
            (each.shot.number, each.begin, each.frames, each.last) for each in all_windows[count:]
        ]


@given(windows_of_any_size(), shots_of())
def test_latent_frames_of_shots_happen_when_their_frames_do(windows: Windows, drawn: tuple[int, list[int]]) -> None:
    frames, cuts = drawn
    edges = [0, *(cut for cut in cuts if cut < frames), frames]
    times, shots = [], []
    for begin, end in itertools.pairwise(edges):
        latents = {}
        for latent, seen in windows.split(range(begin, end)):
            for place, time in enumerate(windows.latent_means(seen).tolist()):
                latents.setdefault(latent + place, time)
            covered = seen[-1] + 1 - begin
        shots.append((begin, covered))
        times += [latents[place] for place in sorted(latents)]
    time = LatentTime(windows.temporal_compression, windows.patch_size_t, False, tuple(shots))
    last = shots[-1][0] + shots[-1][1]
    assert time.frame_times(len(times), last).tolist() == pytest.approx(times)
    assert time.longest_video(len(times)) >= last


def test_pictures_do_not_mix_shots(pipeline) -> None:
    maps = explain(pipeline)
    frames = maps.settings["video"]["num_frames"]
    large = maps.upsample(frames, *maps.grid[1:])
    for shot, part in zip(maps.shots, parts(), strict=True):
        alone = explain(pipeline, part, shots="off")
        covered = alone.settings["video"]["num_frames"]
        assert torch.equal(
            large[:, shot.frames.start : shot.frames.start + covered], alone.upsample(covered, *maps.grid[1:])
        )
    # A frame after the last latent frame of a shot has its value.
    assert torch.equal(large[:, 42], maps.imap[:, maps.shots[3].latents][:, -1])


def test_shots_are_kept_and_checked(pipeline, tmp_path: Path) -> None:
    maps = explain(pipeline)
    maps.save(tmp_path / "maps.npz")
    assert SaliencyMaps.load(tmp_path / "maps.npz").shots == maps.shots
    shots = maps.settings["video"]["shots"]
    for forged in ([], shots[1:], [*shots, shots[-1]], [{**shots[0], "num_frames": 11}, *shots[1:]], shots[:2]):
        record = copy.deepcopy(maps.record())
        record["settings"]["video"]["shots"] = forged
        with pytest.raises(ValueError, match="shots must follow each other from frame 0 to 60"):
            SaliencyMaps.from_record(record, maps.tensors())
    for wrong in (shots[1]["seconds"] - 1, -5.0, shots[1]["seconds"]):
        record = copy.deepcopy(maps.record())
        record["settings"]["video"]["shots"] = [shots[0] | {"seconds": shots[1]["seconds"]}, *shots[1:]]
        record["settings"]["video"]["shots"][1] = shots[1] | {"seconds": wrong}
        with pytest.raises(ValueError, match="the seconds of shots must ascend"):
            SaliencyMaps.from_record(record, maps.tensors())
    record = copy.deepcopy(maps.record())
    record["settings"]["video"]["num_frames"] += 10_000
    record["settings"]["video"]["shots"][-1] = shots[-1] | {"first_frame": shots[-1]["first_frame"] + 10_000}
    with pytest.raises(ValueError, match="shots must follow each other"):
        SaliencyMaps.from_record(record, maps.tensors())
    record = copy.deepcopy(maps.record())
    record["settings"]["video"]["shots"] = [shots[0] | {"num_frames": 1}, *shots[1:]]
    with pytest.raises(ValueError, match=r"settings\.video\.num_frames does not fit the maps"):
        SaliencyMaps.from_record(record, maps.tensors())
    del record["settings"]["video"]["shots"]  # of a version that knew none: one shot of this many latent frames
    with pytest.raises(ValueError, match="does not fit the maps"):
        SaliencyMaps.from_record(record, maps.tensors())


def test_times_at_which_no_shot_begins_are_named(pipeline) -> None:
    with pytest.warns(UserWarning, match="no shot begins at 7 s, 100 s, where the video has no frame, none was read"):
        maps = explain(pipeline, clip(17), shots=[1, 7, 100])
    assert len(maps.shots) == 2
    maps = explain(pipeline, clip(17), shots=[0, 1, 100], start=1)  # a list of the whole film
    assert [shot.seconds for shot in maps.shots] == [1.0]


def test_times_of_shots() -> None:
    assert check_shots("auto") == "auto"
    assert check_shots(["1:00", 80.5]) == [60.0, 80.5]
    with pytest.raises(ValueError, match="shots='none' is unknown; give 'auto', 'off', or the seconds"):
        check_shots("none")
    with pytest.raises(ValueError, match=r"shots=\[2, 1\] do not ascend"):
        check_shots([2, 1])
    assert check_shots(np.array([1.5, 2])) == check_shots(torch.tensor([1.5, 2])) == check_shots((1.5, 2)) == [1.5, 2]
    with pytest.raises(TypeError, match="shots=3 is not possible"):
        check_shots(3)
    with pytest.raises(ValueError, match="is no time in a video"):
        check_shots([-1])


@pytest.mark.slow
def test_a_stretch_of_a_file(pipeline, tmp_path: Path) -> None:
    VIDEO.save(tmp_path / "clip.mp4")
    maps = explain(pipeline, tmp_path / "clip.mp4", start="0:02.5", end=5, shots="off", num_frames=17)
    assert maps.settings["video"]["start"] == 2.5
    assert maps.settings["video"]["end"] == 5.0
    assert maps.seconds[0] == 2.5
    assert maps.shots[0].seconds == 2.5
    alone = explain(pipeline, imap_fast.video.read_clip(tmp_path / "clip.mp4", start=2.5, num_frames=17), shots="off")
    assert torch.equal(maps.imap, alone.imap)
    maps.save_overlay(tmp_path / "overlay.mp4", tmp_path / "clip.mp4")
    drawn = imap_fast.video.read_clip(tmp_path / "overlay.mp4").frames
    assert len(drawn) == 17
    expected = alone.overlay(imap_fast.video.read_clip(tmp_path / "clip.mp4", start=2.5, num_frames=17)).frames
    assert np.abs(drawn.astype(int) - expected).mean() < 4
    # The same of a clip, whole or cut. Frames without times must be those that were read.
    of_frames = explain(pipeline, VIDEO, start=2.5, end=5, shots="off", num_frames=17)
    assert of_frames.seconds[0] == 2.5
    expected = of_frames.overlay(VIDEO.frames[20:37]).frames
    np.testing.assert_array_equal(of_frames.overlay(VIDEO).frames, expected)
    for other in (VIDEO.frames, VIDEO.frames[8:], Clip(VIDEO.frames, 9), VIDEO.stretch(2.6, None)):
        with pytest.raises(ValueError, match="the maps were read from 17 frames, and this clip has"):
            of_frames.overlay(other)
    with pytest.raises(ValueError, match="the maps were read from 17 frames, and this clip has 60"):
        maps.overlay(VIDEO)  # times of the file are not those of a clip
    # Maps of frames that are a stretch of a file are drawn over that stretch.
    source = alone.source_video(tmp_path / "clip.mp4")
    assert next(source.pictures()).seconds == 2.5


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four shots of 20 frames, joined by cuts."""
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    scenes = [world.sample(seed, "held_out", num_frames=20) for seed in range(4)]
    Clip(np.concatenate([scene.frames for scene in scenes]), FPS).save(path)
    return path


@pytest.mark.slow
def test_cuts_are_found_and_a_killed_run_finds_the_same(pipeline, film: Path, tmp_path: Path, monkeypatch) -> None:
    with monkeypatch.context() as patched:
        whole = Events().count(patched)
        run_in_folder(pipeline, film, tmp_path / "whole")
    maps = SaliencyMaps.load(tmp_path / "whole")
    assert [shot.frames.start for shot in maps.shots] == [0, 20, 40, 60]
    draw = random.Random(7)
    for kind in Events.KINDS:
        for number in draw.sample(range(1, whole.counted[kind] + 1), 2):
            folder = tmp_path / f"{kind} {number}"
            run_and_kill(pipeline, film, folder, (kind, number))
            run_in_folder(pipeline, film, folder)
            assert contents(folder) == contents(tmp_path / "whole"), (kind, number)

"""What holds of a long film of twice the model's rate, for every pipeline that can be explained."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import imap_fast
from imap_fast import SaliencyMaps
from imap_fast.explaining.explainer import Explainer
from imap_fast.maps.run_state import STATE, read_state
from imap_fast.models.registry import adapter_for
from imap_fast.video import Clip, VideoFile
from tests.architectures import ARCHITECTURES
from tests.explaining.runs import HEADER, contents, flip_bit, killed_after, refused, same, size_of
from tests.explaining.test_explain import clip
from tests.pipelines import EXPLAINED, PIPELINES, PROMPT
from tests.video.media import save_damaged

pytestmark = pytest.mark.slow

FRAMES, CUT = 44, 7
"""Of the film, and the first frame of its second shot. Even frames pass, so frame 7 does not.

The shots have one window and three. Neither fills its last latent frame, so its last frame is repeated.
"""

STEPS = [3, 6]
"""Of ten. Wan 2.2 has a transformer for each."""


class Model:
    """A tiny pipeline and a film of twice its rate."""

    def __init__(self, kind: str) -> None:
        name, make, _ = PIPELINES[kind]
        self.kind, self.pipeline = kind, make()
        adapter = adapter_for(self.pipeline)
        forward = adapter.video_forward(None, *ARCHITECTURES[name].size)
        self.fps, self.span = forward.fps, forward.temporal_compression * adapter.patch_size[0]
        self.film = Clip(clip(FRAMES).frames, 2 * self.fps)
        self.size = ARCHITECTURES[name].size
        self.arguments: dict[str, Any] = {
            **ARCHITECTURES[name].arguments,
            "layers": [0, 1],
            **ARCHITECTURES[name].sizes,
            "window": 9,
            "num_inference_steps": 10,
            "steps": STEPS,
            "shots": [CUT / self.film.fps],
        }

    def explain(self, video: object = None, **changed: object) -> SaliencyMaps:
        video = self.film if video is None else video
        return imap_fast.explain(self.pipeline, video, PROMPT, ["cat", "running"], **{**self.arguments, **changed})

    def filled(self, numbers: list[int]) -> list[int]:
        """Numbers of frames, the last one repeated until it fills a latent frame of the maps."""
        return numbers + numbers[-1:] * ((1 - len(numbers)) % self.span)

    def means(self, values: np.ndarray) -> list[float]:
        """The mean in each latent frame of the maps, of which the first has one frame."""
        return [values[0], *values[1:].reshape(-1, self.span).mean(1)]


# The numbers here are of latent frames of 4 or 8 frames. Those of Mochi have 6.
@pytest.fixture(scope="module", params=[kind for kind in EXPLAINED if kind != "mochi"])
def model(request: pytest.FixtureRequest) -> Model:
    return Model(request.param)


@pytest.fixture(scope="module")
def whole(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two steps that nothing cut off."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    model.explain(folder=folder)
    return folder


def cut_off_after_each_window(kind: str, folder: Path, **changed: object) -> None:
    """Each attempt is killed at its second commit, and a new pipeline goes on, as in a new process."""
    killed = [killed_after(1, lambda: Model(kind).explain(folder=folder, **changed)) for _ in range(5)]
    assert killed == [True, True, True, True, False]


def test_cut_off_after_any_window_it_goes_on_to_the_same_bytes(model: Model, tmp_path: Path) -> None:
    one_step = model.explain(folder=tmp_path / "whole", steps=STEPS[1:])
    assert (one_step.settings["video"]["windows"], len(one_step.shots)) == (4, 2)
    cut_off_after_each_window(model.kind, tmp_path / "cut", steps=STEPS[1:])
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_a_run_of_two_steps_goes_on_to_the_same_bytes(model: Model, whole: Path, tmp_path: Path) -> None:
    cut_off_after_each_window(model.kind, tmp_path / "cut")
    assert contents(tmp_path / "cut") == contents(whole)


def test_the_maps_of_a_shot_are_those_of_its_frames_alone(model: Model, whole: Path) -> None:
    """Also if the model or its text encoder sees a frame of them as a condition."""
    maps = SaliencyMaps.load(whole)
    assert [shot.frames for shot in maps.shots] == [range(CUT), range(CUT, FRAMES)]
    # The second shot begins with the first of its frames that passes.
    for shot, frames in zip(maps.shots, (range(CUT), range(CUT + 1, FRAMES)), strict=True):
        part = Clip(model.film.frames[frames.start : frames.stop], model.film.fps)
        alone = model.explain(part, shots="off")
        for name, values in alone.maps.items():
            assert torch.equal(maps.maps[name][:, shot.latents], values), name
        assert torch.equal(maps.frame_numbers[shot.latents], alone.frame_numbers + frames.start)
        torch.testing.assert_close(maps.seconds[shot.latents], alone.seconds + frames.start / model.film.fps)


def test_a_flipped_bit_is_refused(model: Model, whole: Path, tmp_path: Path, monkeypatch) -> None:
    cut = tmp_path / "cut"
    assert killed_after(3, lambda: model.explain(folder=cut))
    monkeypatch.setattr(Explainer, "_pass", lambda *_: pytest.fail("went on"))
    draw, before = random.Random(11), (contents(whole), contents(cut))
    for folder, attempt, times in (
        (whole, lambda: SaliencyMaps.load(whole), 3),
        (cut, lambda: model.explain(folder=cut), 1),
    ):
        arrays = read_state(folder).arrays
        assert {"imap", "gramcol", "seconds", "frame_numbers"} <= arrays.keys()
        # What is before and after the values is written again when a run goes on.
        places = [(folder / f"{name}.npy", HEADER, HEADER + size_of(array)) for name, array in arrays.items()]
        places += [(folder / STATE, 0, (folder / STATE).stat().st_size)] * 2
        for path, begin, end in places * times:
            place, bit = draw.randrange(begin, end), draw.randrange(8)
            flip_bit(path, place, bit)
            assert f"{path} is damaged" in (refused(attempt) or "not refused"), (place, bit)
            flip_bit(path, place, bit)
    assert (contents(whole), contents(cut)) == before
    assert same(model.explain(folder=whole), SaliencyMaps.load(whole))


def test_a_gap_is_named_and_the_rest_is_on_time(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    save_damaged(path, 50, 2 * model.fps)
    video = VideoFile(path)
    pictures = list(video.pictures())
    seconds = np.array([timed.seconds for timed in pictures])
    ((begin, end),) = video.gaps
    with pytest.warns(UserWarning, match=rf"clip\.mp4 could not be read from {begin:.2f} s to {end:.2f} s; the maps"):
        maps = model.explain(path, shots="off")
    assert maps.settings["video"]["gaps"] == [[begin, end]]
    assert maps.settings["video"]["num_frames"] == len(pictures)
    # A frame passes if it is the nearest one to a tick, the earlier one of two.
    ticks = np.arange(0, seconds[-1] + 1e-6, 1 / model.fps)
    passed = model.filled(sorted({int(np.abs(seconds - tick).round(6).argmin()) for tick in ticks}))
    np.testing.assert_allclose(maps.frame_numbers, model.means(np.array(passed)))
    np.testing.assert_allclose(maps.seconds, model.means(seconds[passed]))
    frames = np.stack([pictures[number].picture.resized(*model.size) for number in passed])
    alone = model.explain(Clip(frames, model.fps), shots="off", fps="all")
    for name, values in alone.maps.items():
        assert torch.equal(maps.maps[name], values), name


@contextmanager
def passes(pipeline: Any) -> Iterator[list[tuple[nn.Module, float]]]:
    """The forward passes within it: which transformer passes at which timestep."""
    seen: list[tuple[nn.Module, float]] = []
    hooks = [
        part.register_forward_pre_hook(
            lambda part, _, inputs: seen.append((part, inputs["timestep"].max().item())), with_kwargs=True
        )
        for part in adapter_for(pipeline).transformers
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def test_two_steps_read_the_frames_that_pass(model: Model) -> None:
    with passes(model.pipeline) as seen:
        maps = model.explain(shots="off")
    each_step = Counter(seen)
    assert list(each_step.values()) == [maps.settings["video"]["windows"]] * 2
    assert {part for part, _ in each_step} == {*adapter_for(model.pipeline).transformers}
    passed = model.filled(list(range(0, FRAMES, 2)))
    alone = model.explain(Clip(model.film.frames[passed], model.fps), shots="off", fps="all")
    assert (maps.steps, alone.frame_numbers) == (tuple(STEPS), None)
    assert (maps.settings["video"]["passed_fps"], alone.settings["video"]["passed_fps"]) == (model.fps, None)
    for name, values in alone.maps.items():
        assert torch.equal(maps.maps[name], values), name
    assert torch.equal(maps.head_scores, alone.head_scores)
    np.testing.assert_allclose(maps.frame_numbers, model.means(np.array(passed)))

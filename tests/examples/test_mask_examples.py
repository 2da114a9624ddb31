"""The examples of masks, with the model that ships, and small random ones in place of VACE and SAM 2."""

from __future__ import annotations

import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import WanVACEPipeline

import imap_fast
from imap_fast import SaliencyMaps
from imap_fast.demo import world
from imap_fast.demo.run import SEED
from imap_fast.evaluate import palette_masks
from imap_fast.masks import Masks
from imap_fast.metrics.overlap import iou
from imap_fast.video import Clip, read_clip, resize_and_crop
from tests.docs.options import ROOT
from tests.examples.conftest import Run
from tests.examples.tiny_vace import save_tiny_vace
from tests.masks.tiny_sam2 import save_tiny_sam2

pytestmark = pytest.mark.slow

THINGS, MOTIONS = ("white square", "pink circle"), ("flashes", "slides left")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that davis_masks.py writes."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["davis_masks.py"])
        runpy.run_path(str(ROOT / "examples" / "davis_masks.py"), run_name="__main__")
    return folder / "masks"


@pytest.fixture
def masks_folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it, where the next example looks for it."""
    return shutil.copytree(made, tmp_path / "masks")


def test_masks_of_a_clip_are_a_data_set_and_videos(made: Path) -> None:
    maps = SaliencyMaps.load(made / "maps.npz")
    assert (maps.labels, maps.motions) == (THINGS + MOTIONS, MOTIONS)
    data = palette_masks(made / "davis", captions=made / "davis" / "captions.json")
    [example] = [read() for read in data.clips.values()]
    assert [truth.label for truth in example.truths] == list(THINGS)
    square = world.sample(SEED, "held_out").objects[0]
    assert square.label == THINGS[0]
    assert np.mean([iou(*both) for both in zip(example.truths[0].mask, square.mask, strict=True)]) > 0.5
    assert sorted(path.name for path in (made / "motions" / "videos" / "clip").iterdir()) == [
        "flashes.mkv",
        "slides_left.mkv",
    ]


def test_masks_of_a_checkpoint_that_is_named(run: Run, tmp_path: Path) -> None:
    model = ["--model", "THUDM/CogVideoX-2b", "--prompt", "A cat jumps", "--concepts", "cat", "--motions", "jumping"]
    assert run("davis_masks.py", "cat.mp4", *model) == "masks of cat, jumping in masks\n"
    assert not (tmp_path / "masks" / "clip.mp4").exists()
    assert (tmp_path / "masks" / "davis" / "JPEGImages" / "Full-Resolution" / "cat").is_dir()


def test_what_is_painted_is_grey_and_white_in_the_mask(run: Run, masks_folder: Path, tmp_path: Path) -> None:
    run("vace_edit.py", "--grow", "0", "--area", "9216")
    frames, mask = (read_clip(tmp_path / f"vace-{name}.mp4").frames for name in ("frames", "mask"))
    clip = read_clip(masks_folder / "clip.mp4").frames
    assert frames.shape == mask.shape == clip.shape
    inside = mask[..., 0] > 127
    things = SaliencyMaps.load(masks_folder / "maps.npz").masks(masks_folder / "clip.mp4", refine="guided")
    assert iou(inside, things["white square"]) > 0.95
    assert abs(frames[inside].astype(int) - 128).mean() < 5
    assert abs(frames[~inside].astype(int) - clip[~inside]).mean() < 5
    assert not (tmp_path / "edited.mp4").exists()


def test_frames_and_masks_that_are_cropped_stay_aligned(run: Run, tmp_path: Path) -> None:
    """A frame of 80 × 96 becomes one of 16 × 32, so that a third of its rows are cut off."""
    scene = world.sample(SEED, "held_out")
    Clip(scene.frames[:, :80]).save(tmp_path / "low.mp4")
    run("davis_masks.py", str(tmp_path / "low.mp4"))
    run("vace_edit.py", "masks/maps.npz", "low.mp4", "--grow", "0", "--area", "1024")
    frames, mask = (read_clip(tmp_path / f"vace-{name}.mp4").frames for name in ("frames", "mask"))
    assert frames.shape == (25, 16, 32, 3)
    square = scene.objects[0].mask[:, :80, :, None].repeat(3, axis=3) * np.uint8(255)
    exact = resize_and_crop(square, 16, 32)[..., 0] > 127
    resting = slice(12)  # the frames in which the model finds the square
    assert iou(mask[resting, ..., 0] > 127, exact[resting]) > 0.8


def test_a_mask_grows(run: Run, masks_folder: Path, tmp_path: Path) -> None:
    areas = []
    for grow in ("0", "3"):
        run("vace_edit.py", "--grow", grow, "--area", "9216")
        areas.append((read_clip(tmp_path / "vace-mask.mp4").frames > 127).sum())
    assert areas[1] > 1.2 * areas[0]


def test_vace_paints_what_is_white(run: Run, masks_folder: Path, tmp_path: Path, monkeypatch) -> None:
    given: dict[str, Any] = {}
    call = WanVACEPipeline.__call__

    def recorded(pipe: WanVACEPipeline, *args: Any, **kwargs: Any) -> Any:
        given.update(kwargs)
        return call(pipe, *args, **kwargs)

    monkeypatch.setattr(WanVACEPipeline, "__call__", recorded)
    model = save_tiny_vace(tmp_path / "vace")
    run("vace_edit.py", "--model", model, "--area", "5000", "--steps", "1")
    assert read_clip(tmp_path / "edited.mp4").frames.shape == (25, 64, 64, 3)
    assert len(given["video"]) == len(given["mask"]) == given["num_frames"] == 25
    assert {picture.size for picture in given["video"] + given["mask"]} == {(given["width"], given["height"])}
    frames, white = (np.stack([np.asarray(each) for each in given[name]]) for name in ("video", "mask"))
    assert set(np.unique(white)) == {0, 255}
    assert (frames[white == 255] == 128).all()
    assert (frames[white == 0] != 128).any()


def test_refinements_are_kept_in_files(run: Run, masks_folder: Path, tmp_path: Path) -> None:
    said = run("sam2_masks.py", "--sam2", save_tiny_sam2(tmp_path / "sam2"))
    names = ("none", "guided", "sam2")
    assert [line.split()[0] for line in said.splitlines()] == list(names)
    masks = [Masks.load(tmp_path / f"masks-{name}.npz") for name in names]
    assert all(each.labels == THINGS for each in masks)
    assert len({each["white square"].tobytes() for each in masks}) == len(names)


def test_two_noises_of_one_model_are_compared(run: Run) -> None:
    rows = [line.split() for line in run("compare_checkpoints.py").splitlines()[1:]]
    assert [" ".join(row[:2]) for row in rows[:2]] == list(THINGS)
    assert all(-1 <= float(row[-2]) < 1 and 0 <= float(row[-1]) < 1 for row in rows)
    assert [row[-3] for row in rows] == ["gramcol", "gramcol", "imap", "imap"]


def test_two_checkpoints_are_compared_at_the_same_noise(run: Run, monkeypatch) -> None:
    seeds = []
    explain = imap_fast.explain

    def recorded(*args: Any, generator: torch.Generator, **kwargs: Any) -> SaliencyMaps:
        seeds.append(generator.initial_seed())
        return explain(*args, generator=generator, **kwargs)

    monkeypatch.setattr(imap_fast, "explain", recorded)
    options = ["--prompt", "A cat jumps", "--concepts", "cat", "--motions", "jumping"]
    said = run("compare_checkpoints.py", "cat.mp4", "--models", "THUDM/CogVideoX-2b", "THUDM/CogVideoX-5b", *options)
    assert [line.split()[0] for line in said.splitlines()] == ["concept", "cat", "jumping"]
    assert seeds == [0, 0]


def test_maps_of_other_sizes_are_not_compared(run: Run) -> None:
    with pytest.raises(SystemExit, match=r"\(\d+, \d+, \d+\) and \(\d+, \d+, \d+\) patches"):
        run("compare_checkpoints.py", "cat.mp4", "--models", "demo", "THUDM/CogVideoX-2b")

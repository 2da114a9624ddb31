"""The whole demo, from a rendered clip to measured maps."""

import json

import numpy as np
import pytest
from PIL import Image

from imap_fast.demo import world
from imap_fast.demo.build import NUM_FRAMES
from imap_fast.demo.run import SEED, run
from imap_fast.maps import MAP_NAMES, SaliencyMaps
from imap_fast.video import read_clip


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    return run(tmp_path_factory.mktemp("demo") / "new" / "folder", backend="reference")


@pytest.mark.slow
def test_it_writes_everything(shown):
    assert sorted(file.name for file in shown.files["clip"].parent.iterdir()) == [
        "clip.mp4",
        "grid.png",
        "maps.npz",
        "overlay.mp4",
        "scores.json",
    ]
    clip, overlay = read_clip(shown.files["clip"]), read_clip(shown.files["overlay"])
    assert len(clip.frames) == len(overlay.frames) == NUM_FRAMES
    assert np.abs(clip.frames.astype(int) - world.sample(SEED, "held_out").frames).mean() < 6, (
        "of 255, from compression"
    )
    assert Image.open(shown.files["grid"]).width > 500
    assert json.loads(shown.files["scores"].read_text()) == {"caption": shown.caption, "auc": shown.auc}


@pytest.mark.slow
def test_it_asks_for_objects_motion_and_background_in_all_four_maps(shown):
    scene = world.sample(SEED, "held_out")
    maps = SaliencyMaps.load(shown.files["maps"])
    assert set(maps.maps) == set(MAP_NAMES)
    motions = (thing.motion for thing in scene.objects if thing.moving.any())
    assert maps.labels == (*(thing.label for thing in scene.objects), *motions, "background")
    assert set(shown.auc) == set(maps.labels)
    assert all(set(row) == set(MAP_NAMES) for row in shown.auc.values())


@pytest.mark.slow
def test_the_maps_find_what_they_are_named_after(shown):
    for thing in world.sample(SEED, "held_out").objects:
        assert max(shown.auc[thing.label].values()) > 0.8


@pytest.mark.slow
def test_other_scenes_can_be_shown(tmp_path):
    other = run(tmp_path, seed=SEED + 1, backend="reference")
    assert other.caption == world.sample(SEED + 1, "held_out").caption

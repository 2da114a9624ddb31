"""The whole demo: from the rendered clip to the AUC of its maps."""

import json

import numpy as np
import pytest
from PIL import Image

from imap_fast.demo import world
from imap_fast.demo.build import NUM_FRAMES
from imap_fast.demo.run import SEED, run
from imap_fast.maps.names import MAP_NAMES
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.video import read_clip


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return run(tmp_path_factory.mktemp("demo") / "new" / "folder", backend="reference")


@pytest.mark.slow
def test_it_writes_everything(demo):
    assert sorted(file.name for file in demo.files["clip"].parent.iterdir()) == [
        "clip.mp4",
        "grid.png",
        "maps.npz",
        "overlay.mp4",
        "scores.json",
    ]
    clip, overlay = read_clip(demo.files["clip"]), read_clip(demo.files["overlay"])
    assert len(clip.frames) == len(overlay.frames) == NUM_FRAMES
    assert np.abs(clip.frames.astype(int) - world.sample(SEED, "held_out").frames).mean() < 6, (
        "of 255, from compression"
    )
    assert Image.open(demo.files["grid"]).width > 500
    assert json.loads(demo.files["scores"].read_text()) == {
        "caption": demo.caption,
        "auc": demo.auc,
        "agreement": demo.agreement,
    }


@pytest.mark.slow
def test_all_four_maps_have_objects_motions_and_background(demo):
    scene = world.sample(SEED, "held_out")
    maps = SaliencyMaps.load(demo.files["maps"])
    assert set(maps.maps) == set(MAP_NAMES)
    motions = (thing.motion for thing in scene.objects if thing.moving.any())
    assert maps.labels == (*(thing.label for thing in scene.objects), *motions, "background")
    assert set(demo.auc) == set(maps.labels)
    assert all(set(row) == {*MAP_NAMES, "soft_imap", "soft_gramcol"} for row in demo.auc.values())
    assert demo.agreement.keys() == demo.auc.keys()


@pytest.mark.slow
def test_the_best_map_finds_each_object(demo):
    for thing in world.sample(SEED, "held_out").objects:
        assert max(demo.auc[thing.label].values()) > 0.8


@pytest.mark.slow
def test_other_scenes_can_be_explained(tmp_path):
    other = run(tmp_path, seed=SEED + 1, backend="reference")
    assert other.caption == world.sample(SEED + 1, "held_out").caption

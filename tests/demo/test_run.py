"""The whole demo: from the rendered clip to the AUC of its maps."""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from imap_fast.demo import world
from imap_fast.demo.build import NUM_FRAMES
from imap_fast.demo.run import SEED, run, scene_caption
from imap_fast.demo.score import concept_masks
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
        "shown": demo.shown,
        "auc": demo.auc,
        "agreement": demo.agreement,
    }


@pytest.mark.slow
def test_objects_and_motions_have_all_four_maps_and_nobody_asks_for_the_background(demo):
    scene = world.sample(SEED, "held_out")
    maps = SaliencyMaps.load(demo.files["maps"])
    assert set(maps.maps) == set(MAP_NAMES)
    objects = [thing.label for thing in scene.objects]
    motions = [thing.motion for thing in scene.objects if thing.moving.any()]
    assert maps.labels == (*objects, *motions)
    assert maps.motions == tuple(motions)
    assert demo.shown == dict.fromkeys(objects, "gramcol") | dict.fromkeys(motions, "imap")
    assert list(demo.auc) == list(demo.agreement) == list(maps.labels)
    assert all(set(row) == set(MAP_NAMES) for row in demo.auc.values())
    for concept, name in demo.shown.items():
        assert demo.agreement[concept] == maps.agreements[name][maps.index(concept)].item()
        assert all(word in demo.caption for word in concept.split())


@pytest.mark.slow
def test_the_maps_find_the_objects_of_the_clip(demo):
    for thing in world.sample(SEED, "held_out").objects:
        assert max(demo.auc[thing.label].values()) > 0.8


@pytest.mark.slow
def test_the_grid_shows_each_concept_by_its_map_beside_its_mask(tmp_path, monkeypatch):
    drawn = []

    def draw(source, labels, values, times, notes, outlines):
        drawn.append((labels, values, notes, outlines))
        return Figure()

    monkeypatch.setattr("imap_fast.demo.run.grid_figure", draw)
    demo = run(tmp_path, backend="reference")
    ((labels, values, notes, outlines),) = drawn
    maps, masks = SaliencyMaps.load(demo.files["maps"]), concept_masks(world.sample(SEED, "held_out"))
    assert list(labels) == list(demo.shown) == list(outlines)
    for label, value, note in zip(labels, values, notes, strict=True):
        name = demo.shown[label]
        assert value.equal(maps.maps[name][maps.index(label, name)])
        assert note == f"{name}, AUC {demo.auc[label][name]:.2f}"
        np.testing.assert_array_equal(outlines[label], masks[label])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:another noise would give another map")
def test_other_scenes_can_be_explained(tmp_path):
    other = run(tmp_path, seed=SEED + 1, backend="reference")
    assert other.caption == scene_caption(world.sample(SEED + 1, "held_out"))

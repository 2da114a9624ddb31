"""The settings and the clip of the demo are those that its rule chooses."""

from __future__ import annotations

import json
from statistics import fmean

import pytest
import torch
from diffusers import CogVideoXPipeline

from benchmarks import demo
from imap_fast.demo import world
from imap_fast.demo.run import SEED, SETTINGS
from imap_fast.demo.shipped_model import MODEL
from imap_fast.maps.names import MAP_NAMES

ROWS = json.loads(demo.OUTPUT.read_text())["rows"]


def test_the_settings_are_those_that_find_most_on_validation_clips() -> None:
    sums: dict[str, float] = {}
    for row in ROWS:
        if "validation" in row["shape"]:
            settings = row["shape"].partition(" clips, ")[2]
            sums[settings] = sums.get(settings, 0.0) + row["value"]
    assert max(sums, key=sums.__getitem__) == demo.describe(*(SETTINGS[name] for name in ("layers", "steps", "top_k")))


def test_the_clip_is_the_typical_one() -> None:
    clips = [
        [row["value"] for row in ROWS if row["name"].startswith(f"{kind} of held-out clip ")]
        for kind in ("objects", "motions")
    ]
    assert [len(values) for values in clips] == [200, 200]
    assert demo.typical_clip(clips) == SEED
    settings = demo.describe(*(SETTINGS[name] for name in ("layers", "steps", "top_k")))
    assert {row["shape"] for row in ROWS if " of held-out clip " in row["name"]} == {settings}


@pytest.mark.slow
def test_the_results_are_those_of_the_demo_and_the_model_that_ships() -> None:
    pipe = CogVideoXPipeline.from_pretrained(str(MODEL))
    found = demo.clip_auc(pipe, SEED, {})
    for name, kind in demo.KINDS.items():
        (row,) = (row for row in ROWS if row["name"] == f"{kind} of held-out clip {SEED}")
        assert fmean(found[kind][name]) == pytest.approx(row["value"], abs=2e-3)


def test_a_typical_clip_is_near_both_medians() -> None:
    objects, motions = [0.5, 0.7, 0.9, 0.8, 0.8], [0.6, 0.6, 0.4, 0.1, 0.55]  # medians 0.8 and 0.55
    assert demo.typical_clip([objects, motions]) == 4
    assert demo.typical_clip([objects[:3], motions[:3]]) == 1
    assert demo.typical_clip([[0.5, 0.5], [0.5, 0.5]]) == 0, "of equal ones the first"


@pytest.mark.slow
def test_the_maps_of_a_set_of_layers_are_the_mean_of_its_layers() -> None:
    pipe = CogVideoXPipeline.from_pretrained(str(MODEL))
    scene = world.sample(0, "validation")
    single = [demo.maps_of(pipe, scene, {"layers": (layer,), "noises": 1, "maps": demo.MAPS}) for layer in (0, 2)]
    both = demo.maps_of(pipe, scene, {"layers": (0, 2), "noises": 1})
    for name, values in demo.mean_of(single).maps.items():
        torch.testing.assert_close(values, both.maps[name], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_it_chooses_and_measures(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(demo, "OUTPUT", tmp_path / "demo.json")
    monkeypatch.setattr(demo, "STEPS", (45,))
    monkeypatch.setattr(demo, "TOP_K", (2,))
    monkeypatch.setitem(SETTINGS, "noises", 1)
    demo.main(["--validation", "1", "--held-out", "2"])
    rows = json.loads((tmp_path / "demo.json").read_text())["rows"]
    validation, held_out, clips = rows[:30], rows[30:38], rows[38:]  # 15 sets of four layers
    assert [row["name"] for row in held_out] == [
        f"{kind} by {name}" for name in MAP_NAMES for kind in ("objects", "motions")
    ]
    pairs = zip(validation[::2], validation[1::2], strict=True)
    best = max(pairs, key=lambda pair: pair[0]["value"] + pair[1]["value"])[0]["shape"].partition(", ")[2]
    assert all(row["shape"].endswith(best) for row in (*held_out, *clips))
    typical = demo.typical_clip([[row["value"] for row in kind] for kind in (clips[:2], clips[2:])])
    assert capsys.readouterr().out.strip().endswith(f"clip {typical}")

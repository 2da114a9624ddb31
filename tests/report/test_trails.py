"""The report draws where a region was until the shown frame."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from imap_fast.maps.report_data import report_data
from imap_fast.report import trails as module
from tests.report import moving
from tests.report.driving import picture, scrub
from tests.report.test_write import block

REGIONS = {"ball": {"seconds": 0.0, "point": [1.0, 1.0], "latent_frame": 0}}


@pytest.fixture(scope="module")
def maps():
    made = moving.make_maps()
    frames, height, width = made.grid
    values = torch.zeros(1, frames, height, width)
    for frame in range(frames):
        values[0, frame, height // 2, 1 + frame * (width - 3) // max(1, frames - 1)] = 1.0
    return replace(made, maps=made.maps | {"region_cosine": values}, settings=made.settings | {"regions": REGIONS})


@pytest.fixture(scope="module")
def file(maps, tmp_path_factory):
    path = tmp_path_factory.mktemp("trails") / "report.html"
    maps.report(path, moving.make_clip())
    return path


@pytest.mark.slow
def test_only_maps_of_regions_have_trails(file, maps) -> None:
    found = {each["name"]: each["trails"] for each in json.loads(block(file.read_text("utf-8"), "content"))["maps"]}
    assert (found["imap"], found["gramcol"]) == (None, None)
    (trail,) = found["region_cosine"]
    clip = moving.make_clip()
    track = maps.track("ball", clip)
    height, width = clip.frames.shape[1:3]
    assert len(trail) == len(clip.frames)
    np.testing.assert_allclose([x for x, _, _ in trail], np.array(track.x) / width, atol=1e-4)
    np.testing.assert_allclose([y for _, y, _ in trail], np.array(track.y) / height, atol=1e-4)
    assert [seen for _, _, seen in trail] == [int(visible) for visible in track.visible]


@pytest.mark.slow
def test_words_and_regions_are_shown_together_first(file, maps) -> None:
    """Each by its own map; the region with its trail."""
    first, *others = json.loads(block(file.read_text("utf-8"), "content"))["maps"]
    assert first["name"] == "by concept"
    assert first["labels"] == [*moving.LABELS, "ball"]
    assert first["of"] == [*["imap"] * len(moving.LABELS), "region_cosine"]
    of_region = next(each for each in others if each["name"] == "region_cosine")
    assert first["trails"] == [*[None] * len(moving.LABELS), of_region["trails"][0]]
    assert first["planes"][-1] == of_region["planes"][0]
    words, regions = first["meaning"].split("; regions by region_cosine: the cosine between")
    assert words.startswith("Shown are words by imap: how much more a patch")
    assert "each concept is drawn on its own scale" in regions


def test_a_region_is_looked_up_like_a_word(maps) -> None:
    values = maps.maps["region_cosine"][0]
    assert torch.equal(maps["ball"], values)
    assert (maps.map_of("ball"), maps.map_of(moving.LABELS[0])) == ("region_cosine", "imap")
    assert maps.shown_labels == (*moving.LABELS, "ball")
    labels, shown = maps.views(None, None)
    assert labels == maps.shown_labels
    assert torch.equal(shown[-1], values)
    assert maps.select(None, None)[0] == moving.LABELS, "one tensor is of one map"
    assert maps.shown_maps(maps.shown_labels, None)[-1] == "region_cosine"
    assert maps.masks(concepts=["ball"]).labels == ("ball",)
    assert "ball" not in maps.masks().labels
    with pytest.raises(KeyError, match="'ball' has no imap; it has region_cosine"):
        maps.overlay(concepts=["ball"], map="imap")
    with pytest.raises(KeyError, match="no concept or region 'dog'; there are"):
        maps.map_of("dog")


def test_a_head_of_maps_with_regions_has_none(maps) -> None:
    heads = maps.imap[None]
    whole = replace(maps, single_heads=heads, settings=maps.settings | {"heads": [[maps.layers[0], 1]]})
    head = whole.at(head=(maps.layers[0], 1))
    assert (head.regions, head.shown_labels) == ((), moving.LABELS)
    head.overlay(concepts=None)


def test_a_long_video_has_none(maps, monkeypatch: pytest.MonkeyPatch) -> None:
    data = report_data(maps, {})
    assert module.trails("region_cosine", data, len(moving.make_clip().frames)) is not None
    monkeypatch.setattr(module, "MOST_FRAMES", 3)
    assert module.trails("region_cosine", data, len(moving.make_clip().frames)) is None


@pytest.mark.slow
def test_the_disc_is_where_the_region_is(file, open_page) -> None:
    page = open_page(file)
    page.get_by_label("region_cosine", exact=True).check()
    page.get_by_label("imap", exact=True).uncheck()
    page.get_by_label("ball", exact=True).check()
    (trail,) = next(
        each["trails"]
        for each in json.loads(block(file.read_text("utf-8"), "content"))["maps"]
        if each["name"] == "region_cosine"
    )
    before = None
    for frame in (0, len(trail) - 1):
        scrub(page, frame)
        shown = picture(page)
        x, y, _ = trail[frame]
        at = shown[int(y * len(shown)), int(x * shown.shape[1])]
        # The colour of the third concept and on is a bright one of the palette, whatever is below.
        assert at.max() - at.min() > 60, at
        assert before is None or not np.array_equal(shown, before)
        before = shown

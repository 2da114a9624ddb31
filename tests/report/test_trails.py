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

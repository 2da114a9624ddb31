"""A region's panel shows where it was in the frames before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.render import overlay as module
from imap_fast.video import Clip
from tests.render.synthetic import in_two_shots, make_maps

GRID = (3, 6, 8)
SIZE = 96, 128
"""Height and width: patches of 16 pixels."""


def with_region(maps: SaliencyMaps, places: list[tuple[int, int]]) -> SaliencyMaps:
    """The same maps, and one of a region that is at these patches of the latent frames."""
    values = torch.zeros(1, *maps.grid)
    for frame, (row, column) in enumerate(places):
        values[0, frame, row, column] = 1.0
    regions = {"ball": {"seconds": 0.0, "point": [1.0, 1.0], "latent_frame": 0}}
    return replace(maps, maps=maps.maps | {"region_cosine": values}, settings=maps.settings | {"regions": regions})


def moving() -> SaliencyMaps:
    return with_region(make_maps(grid=GRID), [(1, 1), (1, 3), (4, 6)])


def clip(frames: int = 9) -> Clip:
    return Clip(np.full((frames, *SIZE, 3), 90, np.uint8), 8.0)


def test_places_are_pixels_of_the_video() -> None:
    track = moving().track("ball", clip())
    assert len(track.x) == 9
    assert all(track.visible)
    for frame, place in ((0, (24.0, 24.0)), (8, (104.0, 72.0))):
        # The background pulls a place that is hotter than it by everything, but less than half a patch.
        assert np.allclose((track.x[frame], track.y[frame]), place, atol=8)
    own = moving().track("ball")  # without the video: pixels of what the model saw
    assert np.allclose(own.x, track.x)
    larger = moving().track("ball", Clip(clip().frames.repeat(2, 1).repeat(2, 2), 8.0))
    assert np.allclose(larger.x, 2 * np.array(track.x))
    tracks = moving().tracks(clip())
    assert (tracks.num_frames, tracks.height, tracks.width) == (9, *SIZE)


def test_a_region_is_compared_with_the_frame_in_which_it_was_marked() -> None:
    maps = moving()
    maps.maps["region_cosine"][0, 0] /= 2
    assert all(maps.track("ball", clip()).visible)
    _, visible = maps.trail("ball", maps.maps["region_cosine"][0], 9)
    assert visible.all()


def test_only_regions_have_trails(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(module, "draw_trail", lambda picture, *trail: seen.append(trail) or picture)
    maps = moving()
    maps.overlay(clip(), concepts=maps.labels)
    assert seen == []
    maps.overlay(clip())  # words and the region
    assert sorted(len(places) for places, _, _ in seen) == list(range(1, 10))
    places, visible, _ = max(seen, key=lambda trail: len(trail[0]))
    assert visible.all()
    height, width = SIZE
    scale = 240 / min(height, width)  # small clips are enlarged
    assert np.allclose(places[0], (24 * scale, 24 * scale), atol=8 * scale)


def test_a_trail_does_not_go_back_over_a_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(module, "draw_trail", lambda picture, *trail: seen.append(len(trail[0])) or picture)
    maps = with_region(in_two_shots(), [(0, 0)] * 5)
    maps.overlay(Clip(np.full((15, 40, 56, 3), 90, np.uint8), 8.0), map="region_cosine")
    assert sorted(seen) == sorted([*range(1, 11), *range(1, 6)])


def test_a_long_trail_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(module, "draw_trail", lambda picture, *trail: seen.append(len(trail[0])) or picture)
    maps = with_region(make_maps(grid=(20, 2, 3)), [(0, 0)] * 20)
    maps.overlay(Clip(np.full((77, 32, 48, 3), 90, np.uint8), 8.0), map="region_cosine")
    assert max(seen) == module.TAIL + 1


def test_what_has_no_track() -> None:
    with pytest.raises(
        ValueError, match="tracks are of maps of regions, and there are none; make the maps with regions="
    ):
        make_maps().tracks()
    assert make_maps().regions == ()
    with pytest.raises(ValueError, match="tracks are of maps of regions, and gramcol is none"):
        moving().tracks(map="gramcol")
    with pytest.raises(KeyError, match="no region 'cat'; there are 'ball'"):
        moving().track("cat")
    with pytest.raises(AttributeError, match="these maps hold no region_qk"):
        moving().track("ball", map="region_qk")
    several, one = make_maps(grid=GRID, videos=2), moving()
    of_two = several.maps | {"region_cosine": one.maps["region_cosine"].repeat(2, 1, 1, 1, 1)}
    with pytest.raises(ValueError, match=r"these maps are of 2 videos; .* maps\.video\(0\)\.tracks\("):
        replace(several, maps=of_two, settings=one.settings).tracks()


def test_files(tmp_path) -> None:
    tracks = moving().tracks(clip(), fps=8.0)
    assert moving().track("ball", clip(), fps=8.0) == tracks["ball"]
    tracks.save(tmp_path / "tracks.csv")
    tracks.save(tmp_path / "tracks.json")
    assert (tmp_path / "tracks.csv").read_text().splitlines()[1].startswith("ball,0,0.0,2")

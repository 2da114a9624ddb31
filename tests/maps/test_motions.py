"""Things and motions: each label is shown by the map that `map_of` names, and files keep which labels are motions."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imap_fast.maps.doubts import doubts
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.render.grid import agreement_notes, grid_figure, latent_grid_figure
from imap_fast.render.timeline import timeline_figure
from imap_fast.video import Clip
from tests.maps.raw_files import SUFFIXES, parts_of, with_repeats, write_file
from tests.maps.test_maps import same
from tests.render.synthetic import make_maps

LABELS = ("alpaca", "running", "grass", "falling", "background")


def with_motions(*motions: str, **changed: object) -> SaliencyMaps:
    return with_repeats(make_maps(LABELS, motions=list(motions), **changed))


def of_each(maps: SaliencyMaps, by_map: dict[str, torch.Tensor], labels=LABELS) -> torch.Tensor:
    """What `by_map` holds of each label, found without any method that is tested."""
    names = ["imap" if label in maps.settings["motions"] else "gramcol" for label in labels]
    return torch.stack([by_map[name][LABELS.index(label)] for name, label in zip(names, labels, strict=True)])


some_labels = st.lists(st.sampled_from(LABELS), min_size=1, unique=True)


@given(motions=some_labels, shown=some_labels)
def test_a_label_is_asked_for_by_its_map(motions, shown):
    maps = with_motions(*motions)
    assert maps.motions == tuple(motions)
    for label in LABELS:
        name = maps.map_of(label)
        assert name == ("imap" if label in motions else "gramcol")
        assert torch.equal(maps[label], maps.maps[name][LABELS.index(label)])
    everything = of_each(maps, maps.maps)
    assert torch.equal(maps.select(None, None)[1], everything)
    assert maps.select(None, None)[0] == LABELS
    labels, values = maps.select(shown, None)
    assert labels == tuple(shown)
    assert torch.equal(values, of_each(maps, maps.maps, shown))
    views = maps.views(shown, None)
    assert views[0] == labels
    assert torch.equal(torch.stack(views[1]), values)
    # Not even a part of maps that are on disk is copied.
    places = [maps.maps[maps.map_of(label)][LABELS.index(label)].data_ptr() for label in shown]
    assert [view.data_ptr() for view in views[1]] == places
    assert torch.equal(maps.agreement, of_each(maps, maps.agreements))
    assert torch.equal(maps.select_agreement(shown, None), of_each(maps, maps.agreements, shown))
    assert torch.equal(maps.spread, of_each(maps, maps.spreads))
    by_name = {name: maps.upsample(9, 10, 14, map=name) for name in maps.maps}
    assert torch.equal(maps.upsample(9, 10, 14), of_each(maps, by_name))


@given(motions=some_labels, name=st.sampled_from(["imap", "gramcol"]), shown=some_labels)
def test_a_map_that_is_named_shows_every_label(motions, name, shown):
    maps, plain = with_motions(*motions), with_repeats(make_maps(LABELS))
    assert maps.select(None, name)[1] is maps.maps[name]
    assert torch.equal(maps.select(shown, name)[1], plain.select(shown, name)[1])
    assert torch.equal(maps.select_agreement(shown, name), plain.select_agreement(shown, name))
    assert torch.equal(maps.upsample(9, 10, 14, name), plain.upsample(9, 10, 14, name))
    assert maps.shown_maps(shown, name) is None


def test_without_motions_the_default_map_shows_every_label():
    maps = with_repeats(make_maps(LABELS))
    assert maps.motions == ()
    assert {maps.map_of(label) for label in LABELS} == {"imap"}
    assert maps.select(None, None)[1] is maps.imap
    assert maps.agreement is maps.agreements["imap"]
    assert maps.spread is maps.spreads["imap"]
    assert maps.shown_maps(LABELS, None) is None
    assert "motions" not in maps.record()["settings"]
    only_gramcol = replace(make_maps(LABELS), maps={"gramcol": maps.gramcol})
    assert only_gramcol.map_of("running") == "gramcol"


def test_an_unknown_label_has_no_map():
    with pytest.raises(KeyError, match=r"no concept 'cat'; there are 'alpaca', 'running'"):
        with_motions("running").map_of("cat")


def test_several_videos_are_asked_alike():
    maps = make_maps(LABELS, videos=2, motions=["running"])
    assert torch.equal(maps["running"], maps.imap[:, 1])
    labels, values = maps.select(["grass", "running"], None)
    assert torch.equal(values, torch.stack([maps.gramcol[:, 2], maps.imap[:, 1]], 1))
    for video in range(2):
        assert torch.equal(maps.video(video).select(labels, None)[1], values[video])
        assert torch.equal(maps.upsample(9, 10, 14)[video], maps.video(video).upsample(9, 10, 14))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_keeps_which_labels_are_motions(tmp_path, suffix):
    maps = with_motions("running", "falling")
    maps.save(tmp_path / f"maps{suffix}")
    loaded = SaliencyMaps.load(tmp_path / f"maps{suffix}")
    assert same(loaded, maps)
    assert loaded.motions == ("running", "falling")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("motions", "says"),
    [
        (["cat"], "settings.motions has 'cat', which is none of the labels"),
        (["running", "running"], "settings.motions: a value is there twice"),
        ([], "settings.motions: List should have at least 1 item"),
        ("running", "settings.motions: Input should be a valid list"),
        ([1], "settings.motions.0: Input should be a valid string"),
    ],
)
def test_motions_that_are_no_labels_are_refused(tmp_path, suffix, motions, says):
    with pytest.raises(ValueError, match=says):
        make_maps(LABELS, motions=motions)
    record, arrays = parts_of(make_maps(LABELS))
    record["settings"]["motions"] = motions
    with pytest.raises(ValueError, match=says):
        SaliencyMaps.load(write_file(tmp_path / f"maps{suffix}", record, arrays))


@pytest.mark.parametrize(("kept", "missing"), [("imap", "gramcol"), ("gramcol", "imap")])
def test_motions_need_both_maps(kept, missing):
    maps = make_maps(LABELS, motions=["running"])
    with pytest.raises(ValueError, match=f"settings.motions needs the map {missing}, which is not there"):
        replace(maps, maps={kept: maps.maps[kept]})


def test_a_warning_is_of_the_map_that_is_shown():
    sure, unsure = torch.ones(5), torch.full((5,), 0.25)
    maps = replace(with_motions("running"), agreements={"imap": unsure, "gramcol": sure})
    assert "of 'running' (agreement 0.25);" in doubts(maps, "noises=")
    assert "alpaca" not in doubts(maps, "noises=")
    assert doubts(replace(maps, agreements={"imap": sure, "gramcol": sure}), "noises=") is None


def drawn(figure) -> bytes:
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=40)
    return picture.getvalue()


def test_every_picture_shows_a_label_by_its_map_and_says_which():
    maps = with_motions("running", temporal_compression=1)
    clip = Clip(np.random.default_rng(0).integers(0, 256, (3, 40, 56, 3), dtype=np.uint8), 8)
    named = ["gramcol", "imap", "gramcol", "gramcol", "gramcol"]
    titles = [f"{label} ({name})" for label, name in zip(LABELS, named, strict=True)]
    values, times = of_each(maps, maps.maps), maps.frame_times(3)
    # The same values as the one map of a run that has no motions.
    plain = make_maps(titles, temporal_compression=1)
    plain = replace(plain, maps={"imap": values})
    assert np.array_equal(maps.overlay(clip).frames, plain.overlay(clip).frames)
    notes = agreement_notes(LABELS, of_each(maps, maps.agreements), named)
    assert notes[1] == f"imap, agreement {maps.agreements['imap'][1]:.2f}"
    assert drawn(maps.grid_figure(clip)) == drawn(grid_figure(maps.source_video(clip), LABELS, values, times, notes))
    assert drawn(maps.grid_figure()) == drawn(latent_grid_figure(LABELS, values, notes))
    spans = [maps.events(label, name).frames_of(label) for label, name in zip(LABELS, named, strict=True)]
    assert drawn(maps.timeline(3)) == drawn(timeline_figure(titles, values, times, 3, (), spans))
    assert "the map of each concept" in maps._repr_html_()


def test_a_picture_of_a_map_that_is_named_is_as_without_motions():
    maps, plain = with_motions("running"), with_repeats(make_maps(LABELS))
    assert np.array_equal(maps.overlay(map="imap").frames, plain.overlay(map="imap").frames)
    assert drawn(maps.grid_figure(map="gramcol")) == drawn(plain.grid_figure(map="gramcol"))
    assert drawn(maps.timeline(map="imap")) == drawn(plain.timeline(map="imap"))

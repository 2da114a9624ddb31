"""What a page has of single layers, steps and heads: its planes, their scale, and how many have room."""

import base64
import json
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from imap_fast.maps.report_data import report_data
from imap_fast.report import inside
from imap_fast.report.inside import NO_ROOM, PageInside
from tests.render.synthetic import make_maps, with_inside
from tests.report import columns, moving
from tests.report.test_write import block


def page_of(maps):
    return PageInside(report_data(maps, {}))


def planes(text):
    """The planes of a block of columns.make_maps, uint8 `[planes, F, H, W]`."""
    levels = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    return levels.reshape(-1, *columns.make_maps().grid)


def blocks_of(maps):
    return {name: planes("".join(text)) for name, _, text in page_of(maps).blocks()}


def test_each_kind_of_planes_is_on_one_scale_over_all_of_them():
    blocks = blocks_of(columns.make_maps())
    pairs = [(layer, step) for layer in columns.LAYERS for step in columns.STEPS]
    found = blocks["inside-pairs-0-1"]
    assert found.shape[0] == len(pairs)
    for plane, pair in zip(found, pairs, strict=True):
        assert set(plane.max((0, 1)).nonzero()[0]) == {columns.column(*pair)}
        assert plane.max() == pytest.approx(255 * columns.strength(*pair), abs=1)
    for kind, axis, numbers in (("layers", 0, columns.LAYERS), ("steps", 1, columns.STEPS)):
        found = blocks[f"inside-{kind}-1-2"]
        assert found.max() == 255
        for plane, number in zip(found, numbers, strict=True):
            hot = {columns.column(*pair): columns.strength(*pair) for pair in pairs if pair[axis] == number}
            assert set(plane.max((0, 1)).nonzero()[0]) == set(hot)
            relative = plane.max() / 255
            assert relative == pytest.approx(max(hot.values()), abs=0.01), "the last one is the hottest of all"


def test_each_single_head_has_its_map_of_each_concept():
    blocks = blocks_of(columns.make_maps(keep=()))
    assert sorted(blocks) == [f"inside-heads-0-{concept}" for concept in range(3)]
    for place, plane in enumerate(blocks["inside-heads-0-2"]):
        assert set(plane.max((0, 2)).nonzero()[0]) == {columns.row(place)}


@pytest.mark.parametrize("keep", [("layers",), ("steps",), ("layers", "steps")])
def test_the_page_is_told_what_there_is(keep):
    told = page_of(columns.make_maps(keep)).content()
    assert list(told["layers"]) == (list(columns.LAYERS) if "layers" in keep else [])
    assert told["steps"] == (list(columns.STEPS) if "steps" in keep else [])
    kinds = {*keep, "heads"} | ({"pairs"} if len(keep) == 2 else set())
    assert {plane: set(ids) for plane, ids in told["of"].items()} == {
        f"planes-{map}-{concept}": kinds for map in range(2) for concept in range(3)
    }
    assert told["left_out"] == ""
    ids = {name for name, _, _ in page_of(columns.make_maps(keep)).blocks()}
    assert ids == {each for of in told["of"].values() for each in of.values()}, "no element is missing or not named"


def test_a_single_step_that_was_kept_is_the_map_itself():
    maps = with_inside(make_maps(), ("steps",), heads=())
    assert report_data(maps, {}).inside is None
    assert report_data(make_maps(), {}).inside is None
    layers = page_of(with_inside(make_maps(), ("layers", "steps"), heads=()))
    assert layers.kinds == ["layers"]


def test_a_baseline_has_no_single_head():
    maps = make_maps()
    maps = replace(maps, maps={**maps.maps, "cross_attention": maps.imap}, baseline_labels=maps.labels)
    of = page_of(with_inside(maps, ("layers",))).content()["of"]
    assert [set(of[f"planes-{map}-0"]) for map in range(3)] == [{"layers", "heads"}, {"layers", "heads"}, {"layers"}]


STEPS = tuple(range(100, 150))


def large(keep=("layers", "steps"), heads=((1, 0),)):
    """Four layers and 50 steps on a small grid: 4 × 50 × 3 frames of 35 patches, of 3 concepts in 2 maps."""
    return with_inside(replace(make_maps(), steps=STEPS), keep, heads)


PATCHES = 35
SINGLE, PAIRS = (4 + 12) * 3, 4 * 12


@pytest.mark.parametrize(
    ("room", "left_out"),
    [
        (6 * (54 * 3 + 200 * 3), ""),
        (6 * (54 * 3 + 200 * 3) - 1, "3 of 6 maps of concepts"),
        (3 * (SINGLE + 3 * PAIRS), "3 of 6 maps of concepts, 12 of 50 steps"),
        (
            3 * (SINGLE + PAIRS),
            "3 of 6 maps of concepts, 12 of 50 steps, 1 of 3 latent frames of a layer in a step",
        ),
        (
            3 * (16 + PAIRS),
            "3 of 6 maps of concepts, 12 of 50 steps, 1 of 3 latent frames, 1 of 3 latent frames of a layer in a step",
        ),
        (
            3 * (SINGLE + 2 * PAIRS),
            "3 of 6 maps of concepts, 12 of 50 steps, 2 of 3 latent frames of a layer in a step",
        ),
        *(
            (
                concepts * (4 + steps + 4 * steps),
                f"{concepts} of 6 maps of concepts, {steps} of 50 steps, 1 of 3 latent frames, "
                "1 of 3 latent frames of a layer in a step",
            )
            for concepts, steps in ((3, 11), (3, 6), (3, 2), (2, 2))
        ),
        (
            4 + 2 + 8,
            "1 of 6 maps of concepts, 2 of 50 steps, 1 of 3 latent frames, 1 of 3 latent frames of a layer in a step",
        ),
    ],
)
def test_what_matters_least_is_left_out_first_and_the_page_says_so(monkeypatch, room, left_out):
    monkeypatch.setattr(inside, "MOST_BYTES", room * PATCHES)
    page = page_of(large())
    assert page.left_out == (f"To stay small, this page has {left_out}." if left_out else "")
    texts = ["".join(text) for name, _, text in page.blocks() if "heads" not in name]
    assert sum(len(zlib.decompress(base64.b64decode(text))) for text in texts) <= room * PATCHES
    told = page.content()
    assert (told["steps"][0], told["steps"][-1]) == (100, 149)
    assert {each for of in told["of"].values() for each in of.values()} == {name for name, _, _ in page.blocks()}


def test_as_many_layers_as_steps_and_no_heads():
    page = page_of(with_inside(replace(make_maps(), steps=STEPS[:4]), heads=()))
    assert {name.split("-")[1] for name, _, _ in page.blocks()} == {"layers", "steps", "pairs"}
    assert page_of(with_inside(make_maps(), ())).plan is None


def test_what_has_no_room_at_all_is_said(monkeypatch):
    monkeypatch.setattr(inside, "MOST_BYTES", 13 * PATCHES)
    page = page_of(large())
    assert page.left_out == NO_ROOM
    assert [name for name, _, _ in page.blocks()] == [f"inside-heads-0-{concept}" for concept in range(3)]
    assert page.content()["layers"] == []


def test_the_first_single_heads_that_have_room_are_there(monkeypatch):
    monkeypatch.setattr(inside, "MOST_HEAD_BYTES", 2 * 3 * 3 * PATCHES)
    page = page_of(with_inside(make_maps(), (), [(1, 0), (3, 5), (5, 2)]))
    assert page.content()["heads"] == [(1, 0), (3, 5)]
    assert page.left_out == "To stay small, this page has 2 of 3 single heads."


@pytest.mark.slow
def test_a_page_of_much_stays_below_ten_megabytes(tmp_path):
    """Random maps do not compress, unlike those of a model."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(42, 48, generator=generator)
    maps = make_maps(grid=(13, 30, 45))
    kept = torch.rand(42, 50, *maps.imap.shape, generator=generator)
    maps = replace(
        maps,
        layers=tuple(range(42)),
        steps=tuple(range(50)),
        head_scores=scores,
        selected_heads=scores.topk(5).indices,
        kept={"imap": kept, "gramcol": kept},
        single_heads=torch.rand(42, *maps.imap.shape, generator=generator),
        settings={**maps.settings, "keep": ["layers", "steps"], "heads": [[layer, 0] for layer in range(42)]},
    )
    maps.report(tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 10_000_000
    page = (tmp_path / "report.html").read_text("utf-8")
    told = json.loads(block(page, "content"))["inside"]
    assert told["left_out"] == (
        "To stay small, this page has 3 of 6 maps of concepts, 12 of 50 steps, 11 of 13 latent frames, "
        "1 of 13 latent frames of a layer in a step, 9 of 42 single heads."
    )
    assert (len(told["layers"]), told["steps"][0], told["steps"][-1]) == (42, 0, 49)
    assert told["frames"] == {
        "layers": [0, 1, 2, 4, 5, 6, 7, 8, 10, 11, 12],
        "steps": [0, 1, 2, 4, 5, 6, 7, 8, 10, 11, 12],
        "pairs": [6],
        "heads": list(range(13)),
    }


def test_maps_on_disk_give_the_same_page(tmp_path):
    maps = columns.make_maps()
    maps.save(tmp_path / "maps.npz")
    again = type(maps).load(tmp_path / "maps.npz")
    for path, each in (("one.html", maps), ("other.html", again)):
        each.report(tmp_path / path, moving.make_clip())
    one, other = ((tmp_path / name).read_text("utf-8") for name in ("one.html", "other.html"))
    for name in ("inside-pairs-0-0", "inside-steps-1-2", "inside-heads-0-1"):
        assert block(one, name) == block(other, name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "names", "says"),
    [
        ({"layer": columns.LAYERS[0]}, ["imap", "gramcol"], "Shown is imap of layer"),
        (
            {"head": columns.HEADS[0]},
            ["imap"],
            f"Shown is head {columns.HEADS[0][1]} of layer {columns.HEADS[0][0]}: ",
        ),
    ],
)
def test_the_report_of_a_part_says_what_it_is(part, names, says, tmp_path):
    maps = columns.make_maps().at(**part)
    maps.report(tmp_path / "report.html")
    content = json.loads(block((tmp_path / "report.html").read_text("utf-8"), "content"))
    assert sorted(each["name"] for each in content["maps"]) == sorted(names)
    assert content["maps"][0]["meaning"].startswith(says)
    run = dict(content["run"])
    assert run["part"] == maps.part
    assert run["agreement"] == "unknown: only that of the whole maps is measured"
    assert content["heads"]["have_mean"] == ("layer" in part)

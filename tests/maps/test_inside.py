"""Maps of single layers, steps and heads: what they are, and how one of them is taken for itself."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.text import Text

from imap_fast.maps.saliency_maps import SaliencyMaps
from tests.assertions import assert_close
from tests.render.synthetic import make_maps, with_inside, with_text_attention

STEPS = (10, 20, 30)
HEADS = ((3, 5), (1, 0))


def maps(keep: tuple[str, ...] = ("layers", "steps"), videos: int | None = None, **changed: object) -> SaliencyMaps:
    return with_inside(replace(make_maps(videos=videos), steps=STEPS), keep, **changed)


@pytest.mark.parametrize("videos", [None, 2])
def test_shapes_and_means(videos: int | None) -> None:
    both, layers, steps = maps(videos=videos), maps(("layers",), videos), maps(("steps",), videos)
    lead, rest = both.imap.shape[:-4], both.imap.shape[-4:]
    for name, values in both.maps.items():
        assert both.by_layer_and_step[name].shape == (*lead, 4, 3, *rest)
        for found, count in ((both, 4), (layers, 4)):
            assert found.by_layer[name].shape == (*lead, count, *rest)
            assert_close(found.by_layer[name].mean(-5), values, 1e-6)
        for found in (both, steps):
            assert found.by_step[name].shape == (*lead, 3, *rest)
            assert_close(found.by_step[name].mean(-5), values, 1e-6)
    assert list(both.by_head) == list(HEADS)
    assert both.by_head[1, 0].shape == both.imap.shape


def test_a_mean_is_added_up_in_the_order_of_a_trace() -> None:
    kept = maps().kept["imap"]
    total = kept[:, 0].clone()
    for step in range(1, len(STEPS)):
        total += kept[:, step]
    assert torch.equal(maps().by_layer["imap"], total / len(STEPS))


def test_what_is_not_there_is_named() -> None:
    nothing, layers = make_maps(), maps(("layers",), heads=())
    for found, attribute, says in (
        (nothing, "by_layer", "the maps of single layers were not kept; make the maps with keep=['layers']"),
        (layers, "by_step", "the maps of single steps were not kept, only those of layers; make the maps with keep=['"),
        (layers, "by_layer_and_step", "single layers and steps were not kept, only those of layers; make the maps wit"),
        (layers, "by_head", "these maps are of no single heads; make them with heads=[(layer, head)]"),
    ):
        with pytest.raises(AttributeError, match=re.escape(says)):
            getattr(found, attribute)
    assert nothing.keep == ()
    assert layers.keep == ("layers",)


@pytest.mark.parametrize("videos", [None, 2])
def test_one_of_them_is_a_result_of_its_own(videos: int | None) -> None:
    whole = maps(videos=videos)
    layer, step, pair = whole.at(layer=5), whole.at(step=20), whole.at(layer=5, step=20)
    for name in whole.maps:
        assert torch.equal(layer.maps[name], whole.by_layer[name].select(-5, 2))
        assert torch.equal(step.maps[name], whole.by_step[name].select(-5, 1))
        assert torch.equal(pair.maps[name], whole.by_layer_and_step[name].select(-6, 2).select(-5, 1))
    assert (layer.layers, layer.steps) == ((5,), STEPS)
    assert (step.layers, step.steps) == (whole.layers, (20,))
    assert (pair.layers, pair.steps) == ((5,), (20,))
    assert torch.equal(pair.head_scores, whole.head_scores[..., 2:3, :])
    assert torch.equal(pair.selected_heads, whole.selected_heads[..., 2:3, :])
    assert pair.kept is pair.single_heads is None
    assert not {"keep", "heads"} & pair.settings.keys()
    assert [part.settings["part"] for part in (layer, step, pair)] == [
        {"layer": 5},
        {"step": 20},
        {"layer": 5, "step": 20},
    ]
    assert [part.part for part in (layer, step, pair, whole)] == ["layer 5", "step 20", "layer 5 in step 20", ""]
    pair.video(0).grid_figure()


def test_numbers_of_numpy_name_a_part() -> None:
    part = maps().at(layer=np.int64(5), step=np.int64(20))
    assert (part.steps, part.settings["part"]) == ((20,), {"layer": 5, "step": 20})
    assert maps().at(head=(np.int64(3), np.int64(5))).settings["part"] == {"head": [3, 5]}


def test_a_part_says_what_it_is(tmp_path: Path) -> None:
    """In a file, in pictures, and in the errors of what it does not have."""
    layer, head = maps().at(layer=5), maps().at(head=(3, 5))
    layer.save(tmp_path / "layer.npz")
    assert SaliencyMaps.load(tmp_path / "layer.npz").part == "layer 5"
    assert head.part == "head 5 of layer 3"
    assert "of head 5 of layer 3: 3 × 5 × 7" in repr(head)
    for part, says in ((layer, "layer 5"), (head, "head 5 of layer 3")):
        texts = [text.get_text() for text in part.grid_figure().findobj(Text)]
        assert f"{says}, agreement unknown" in texts
        assert f"{part.labels[0]} ({says})" in [text.get_text() for text in part.timeline().findobj(Text)]
        with pytest.raises(
            AttributeError, match=f"these maps are of {says} alone; take single layers from the whole maps"
        ):
            part.by_layer  # noqa: B018
        with pytest.raises(AttributeError, match="take single heads from the whole maps"):
            part.by_head  # noqa: B018


def test_a_part_in_a_file_may_name_what_it_is_not() -> None:
    assert replace(make_maps(), settings={"part": {"layer": 2, "step": None, "head": None}}).part == "layer 2"


@pytest.mark.parametrize("part", [{}, {"head": [1, 2], "layer": 1}, {"layer": -1}])
def test_an_impossible_part(part: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"settings\.part"):
        replace(make_maps(), settings={"part": part})


def test_one_head_is_a_result_of_its_own() -> None:
    whole = maps()
    head = whole.at(head=(3, 5))
    assert torch.equal(head.imap, whole.by_head[3, 5])
    assert torch.equal(head.gramcol, whole.by_head[3, 5])
    assert head.layers == (3,)


def test_a_head_has_no_map_that_was_not_made() -> None:
    whole = maps(())
    assert [*replace(whole, maps={"gramcol": whole.gramcol}).at(head=(3, 5)).maps] == ["gramcol"]


@pytest.mark.parametrize("which", [{"layer": 5}, {"step": 20}, {"head": (3, 5)}], ids=str)
def test_what_is_of_all_of_them_is_left_out(which: dict[str, object]) -> None:
    whole = with_text_attention(maps())
    whole = replace(
        whole,
        agreements={name: values[:, 0, 0, 0].sigmoid() for name, values in whole.maps.items()},
        spreads={name: values.abs() for name, values in whole.maps.items()},
        settings=whole.settings | {"repeats": {"of": "noises", "count": 3}},
    )
    one = whole.at(**which)
    assert one.agreements is one.spreads is one.text_to_text is None
    assert not {"keep", "heads", "repeats", "text_attention"} & one.settings.keys()


def test_layers_or_steps_alone() -> None:
    layers, steps = maps(("layers",)), maps(("steps",))
    assert torch.equal(layers.at(layer=8).imap, layers.by_layer["imap"][3])
    assert torch.equal(steps.at(step=30).imap, steps.by_step["imap"][2])
    with pytest.raises(AttributeError, match="steps were not kept, only those of layers"):
        layers.at(step=30)
    with pytest.raises(AttributeError, match="layers and steps were not kept"):
        steps.at(layer=8, step=30)


def test_given_motion_heads_are_those_of_the_layer() -> None:
    heads = [[0, 1], [2, 3], [4, 5], [1, 2]]
    whole = maps()
    whole = replace(whole, settings=whole.settings | {"motion_heads": heads})
    assert whole.at(layer=5).settings["motion_heads"] == [[4, 5]]


@pytest.mark.parametrize(
    ("which", "error", "says"),
    [
        ({"layer": 2}, KeyError, "no layer 2; there are 1, 3, 5, 8"),
        ({"step": 0}, KeyError, "no step 0; there are 10, 20, 30"),
        ({"layer": 3, "step": 31}, KeyError, "no step 31"),
        ({"head": (3, 4)}, KeyError, r"no head \(3, 4\); there are \(3, 5\), \(1, 0\), each a layer"),
        ({}, ValueError, "name a layer, a step or both, or name a head alone"),
        ({"head": (3, 5), "layer": 3}, ValueError, "name a layer, a step or both, or name a head alone"),
    ],
)
def test_what_was_not_read(which: dict[str, object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        maps().at(**which)


def test_one_of_several_videos() -> None:
    whole = maps(videos=2)
    one = whole.video(1)
    assert torch.equal(one.kept["imap"], whole.kept["imap"][1])
    assert torch.equal(one.by_head[3, 5], whole.by_head[3, 5][1])


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("keep", [(), ("layers",), ("steps",), ("layers", "steps")])
def test_a_file_gives_everything_back(tmp_path, suffix: str, keep: tuple[str, ...]) -> None:
    whole = maps(keep, heads=HEADS if "layers" in keep else ())
    whole.save(tmp_path / f"maps{suffix}")
    loaded = SaliencyMaps.load(tmp_path / f"maps{suffix}")
    assert loaded.record() == whole.record()
    before, after = whole.tensors(), loaded.tensors()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)

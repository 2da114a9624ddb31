"""The figures of what is inside: tiles at their places on one scale, and the table of concepts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from imap_fast.events.detect import curves_over_time
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.render.heatmap import COLOURS
from imap_fast.render.inside import MOST_STEPS, inside_figure, text_attention_figure
from tests.render.synthetic import NASTY_LABELS, make_maps, with_inside, with_text_attention

TILE = {"layers": (1, 3, 5, 8), "steps": (10, 20, 30)}


def tiles(figure: Figure) -> list[np.ndarray]:
    """The tiles of a figure, row by row from the left."""
    images = [image for axes in figure.axes for image in axes.get_images() if image.get_array().ndim == 3]
    images.sort(key=lambda image: (round(image.get_extent()[3], 3), image.get_extent()[0]))
    return [np.asarray(image.get_array()) for image in images]


def texts(figure: Figure) -> list[str]:
    ticks = [tick.get_text() for axes in figure.axes for tick in (*axes.get_xticklabels(), *axes.get_yticklabels())]
    return ticks + [text.get_text() for text in (*figure.texts, *(t for axes in figure.axes for t in axes.texts))]


def values_of(figure: Figure) -> list[float]:
    """The heat of each tile, whose patches are equal."""
    levels = COLOURS(np.arange(256))[:, :3]
    return [int(np.abs(levels - tile[0, 0]).sum(1).argmin()) / 255 for tile in tiles(figure)]


def ascending(layers: int, steps: int) -> torch.Tensor:
    """Tiles that differ: the first is the coldest."""
    return torch.linspace(0, 1, layers * steps).reshape(layers, steps, 1, 1).expand(-1, -1, 4, 6)


def test_layers_down_and_steps_across_on_one_scale() -> None:
    figure = inside_figure("a ball", TILE["layers"], TILE["steps"], ascending(4, 3))
    heat = values_of(figure)
    assert heat == sorted(heat)
    assert (heat[0], heat[-1]) == (0, 1)
    assert len(set(heat)) == 12
    assert {"a ball", "1", "3", "5", "8", "10", "20", "30"} <= {*texts(figure)}


def test_many_steps_are_evenly_spaced_and_keep_their_numbers() -> None:
    figure = inside_figure("a ball", (4, 7), tuple(range(100, 150)), ascending(2, 50))
    numbers = [int(text) for text in texts(figure) if text.isdecimal() and len(text) == 3]
    assert len(numbers) == MOST_STEPS
    assert (numbers[0], numbers[-1]) == (100, 149)
    expected = [(step - 100) / 99 for step in numbers]
    for heat, value in zip(values_of(figure)[:MOST_STEPS], expected, strict=True):
        assert abs(heat - value) < 0.1


@pytest.mark.parametrize(("axis", "name"), [("layers", "layer 8"), ("steps", "step 30")])
def test_one_axis_is_a_strip(axis: str, name: str) -> None:
    count = len(TILE[axis])
    values = ascending(count, 1) if axis == "layers" else ascending(1, count)
    figure = inside_figure("a ball", **{"layers": None, "steps": None, axis: TILE[axis]}, values=values)
    assert values_of(figure) == sorted(values_of(figure))
    assert len(tiles(figure)) == count
    assert name in texts(figure)


def test_a_long_strip_shows_every_layer() -> None:
    figure = inside_figure("a ball", range(42), None, ascending(42, 1))
    assert len(tiles(figure)) == 42
    assert values_of(figure) == sorted(values_of(figure))


def inside(keep: tuple[str, ...] = ("layers", "steps")) -> SaliencyMaps:
    return with_inside(replace(make_maps(), steps=TILE["steps"]), keep)


def test_the_tiles_are_of_the_concept_and_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr("imap_fast.render.inside.inside_figure", lambda *arguments: seen.append(arguments))
    maps = inside()
    maps.inside_figure("running", "gramcol", frame=2)
    maps.inside_figure("running")
    (title, layers, steps, values), (_, _, _, hottest) = seen
    assert title == "running: gramcol, latent frame 2"
    assert (layers, steps) == (maps.layers, maps.steps)
    assert torch.equal(values, maps.by_layer_and_step["gramcol"][:, :, 1, 2])
    frame = next(i for i in range(3) if torch.equal(hottest, maps.by_layer_and_step["imap"][:, :, 1, i]))
    assert curves_over_time([maps.imap[1]])[0].argmax() == frame
    for keep in (("layers",), ("steps",)):
        inside(keep).inside_figure("running")
    assert [each[1:3] for each in seen[2:]] == [(maps.layers, None), (None, maps.steps)]


def test_what_cannot_be_shown() -> None:
    with pytest.raises(AttributeError, match="were not kept; make the maps with keep="):
        make_maps().inside_figure("running")
    with pytest.raises(KeyError, match="no concept 'cat'"):
        inside().inside_figure("cat")
    with pytest.raises(ValueError, match="frame=3 is not possible; there are the latent frames 0 to 2"):
        inside().inside_figure("running", frame=3)
    with pytest.raises(ValueError, match="frame=-1 is not possible"):
        inside().inside_figure("running", frame=-1)
    with pytest.raises(ValueError, match=r"these maps are of 2 videos; .* maps\.video\(0\)\.inside_figure\("):
        with_inside(make_maps(videos=2)).inside_figure("running")
    with pytest.raises(AttributeError, match="these maps hold no text_attention"):
        make_maps().text_attention_figure()
    with pytest.raises(ValueError, match=r"these maps are of 2 videos; .* maps\.video\(0\)\.text_attention_figure\("):
        with_text_attention(make_maps(videos=2)).text_attention_figure()


def test_the_table_says_each_share_and_the_rest() -> None:
    figure = text_attention_figure(["a", "b"], torch.tensor([[0.5, 0.25], [0.0, 0.125]]))
    (axes,) = figure.axes
    found = [text.get_text() for text in axes.texts]
    assert found == ["a", "50.0", "25.0", "25.0", "b", "0", "12.5", "87.5", "a", "b", "everything else"]


@pytest.mark.parametrize("baselines", [None, ("circle", "square", "ground")])
def test_the_table_is_of_the_concepts_that_attend(monkeypatch: pytest.MonkeyPatch, baselines: tuple | None) -> None:
    seen = []
    monkeypatch.setattr("imap_fast.render.inside.text_attention_figure", lambda *arguments: seen.append(arguments))
    maps = replace(with_text_attention(make_maps()), baseline_labels=baselines)
    maps.text_attention_figure()
    assert seen == [(baselines or maps.labels, maps.text_attention)]


def test_any_label_can_be_drawn(tmp_path) -> None:
    maps = with_text_attention(with_inside(make_maps(NASTY_LABELS)))
    maps.text_attention_figure().savefig(tmp_path / "text.png")
    for label in NASTY_LABELS:
        maps.inside_figure(label).savefig(tmp_path / "inside.png")

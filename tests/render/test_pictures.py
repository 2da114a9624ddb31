"""Overlays, grids and figures of heads have the right content in the right place."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from imap_fast.render.overlay import GUTTER, LABEL_HEIGHT
from tests.render.synthetic import NASTY_LABELS, make_maps
from tests.video.media import draw_frames


def hot_corner(maps, concept, height, width):
    """`maps` with one concept hot in the top left quarter of every frame, and cold elsewhere."""
    imap = torch.zeros_like(maps.imap)
    imap[concept, :, : height // 2, : width // 2] = 1
    return replace(maps, maps={"imap": imap})


def test_one_concept_is_next_to_the_clip():
    frames = np.full((9, 250, 300, 3), 90, np.uint8)
    maps = hot_corner(make_maps(("alpaca", "grass"), grid=(3, 6, 8)), 1, 6, 8)
    clip = maps.overlay(frames, "grass")
    assert clip.fps == 8
    assert clip.frames.shape == (9, LABEL_HEIGHT + 250 + 2 * GUTTER, 2 * 300 + 3 * GUTTER, 3)
    top, left = GUTTER + LABEL_HEIGHT, 2 * GUTTER + 300
    np.testing.assert_array_equal(clip.frames[:, top : top + 250, GUTTER : GUTTER + 300], frames)
    panel = clip.frames[:, top : top + 250, left : left + 300].astype(int)
    redness = panel[..., 0] - panel[..., 2]
    assert redness[:, :90, :110].min() > 60
    assert redness[:, 160:].max() < 5
    assert redness[:, :, 190:].max() < 5
    assert clip.frames[:, GUTTER : GUTTER + LABEL_HEIGHT, left : left + 300].max() == 255  # its label


def test_every_concept_has_a_panel_of_its_own():
    maps = hot_corner(make_maps(("alpaca", "grass"), grid=(3, 6, 8)), 1, 6, 8)
    shown = maps.overlay(np.full((9, 240, 240, 3), 90, np.uint8), ["grass", "alpaca"]).frames.astype(int)
    redness = shown[..., 0] - shown[..., 2]
    corners = redness[0, GUTTER + LABEL_HEIGHT + 50, [GUTTER + 50 + panel * (240 + GUTTER) for panel in range(3)]]
    assert corners[1] > 60  # grass
    assert abs(corners[0]) < 5  # the clip
    assert abs(corners[2]) < 5  # alpaca


def test_a_small_clip_is_enlarged():
    clip = make_maps(("alpaca",), grid=(1, 3, 3)).overlay(draw_frames(1, 96, 97, seed=6))
    assert clip.frames.shape == (1, LABEL_HEIGHT + 240 + 2 * GUTTER, 2 * 242 + 3 * GUTTER, 3)


@pytest.mark.parametrize(
    ("concepts", "height", "width"),
    [(1, 480, 720), (2, 96, 96), (5, 480, 720), (8, 63, 81), (3, 720, 405), (40, 48, 64)],
)
def test_panels_fit_a_screen_and_can_be_read(concepts, height, width):
    maps = make_maps([f"concept {i}" for i in range(concepts)], grid=(1, 3, 4))
    clip = maps.overlay(draw_frames(1, height, width, seed=concepts))
    _, wall_height, wall_width, _ = clip.frames.shape
    assert wall_height % 2 == wall_width % 2 == 0
    assert wall_width <= 1920 + 10 * GUTTER
    assert wall_height <= 1440 + 12 * (LABEL_HEIGHT + GUTTER)
    assert wall_width >= 240


def test_pictures_leave_the_maps_alone():
    maps = make_maps(grid=(3, 5, 7))
    before = maps.imap.clone()
    frames = draw_frames(9, 40, 56, seed=1)
    maps.overlay(frames)
    maps.grid_figure(frames)
    maps.grid_figure()
    assert torch.equal(maps.imap, before)


@pytest.mark.parametrize("picture", ["overlay", "grid_figure"])
def test_what_cannot_be_shown_is_refused(picture):
    draw = getattr(make_maps(), picture)
    frames = draw_frames(9, 16, 16, seed=2)
    with pytest.raises(KeyError, match="cat"):
        draw(frames, ["cat"])
    with pytest.raises(ValueError, match="no concept"):
        draw(frames, [])
    with pytest.raises(AttributeError, match="cross_attention"):
        draw(frames, map="cross_attention")
    with pytest.raises(ValueError, match="13 video frames give 4 latent frames, but the maps cover 3"):
        draw(draw_frames(13, 16, 16, seed=3))


def pixels(figure) -> np.ndarray:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


@pytest.mark.slow
def test_the_grid_has_a_row_for_each_concept_and_a_column_for_each_frame():
    maps = make_maps(grid=(13, 3, 5))
    for video, rows in ((None, 3), (draw_frames(49, 32, 48, seed=4), 4)):
        figure = maps.grid_figure(video)
        pictures = [axes for axes in figure.axes if axes.images]
        assert len(pictures) == rows * 6
        titles = [axes.get_title() for axes in pictures[:6]]
        unit, last = ("latent frame", 12) if video is None else ("frame", 48)
        assert titles[0] == f"{unit} 0"
        assert titles[-1] == f"{unit} {last}"
        shown = pixels(figure)
        assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 100
        assert np.all(shown[:3] == 255)


def test_the_grid_shows_heat_where_the_map_is_hot():
    maps = hot_corner(make_maps(("alpaca", "grass"), grid=(3, 6, 8)), 0, 6, 8)
    figure = maps.grid_figure(np.full((9, 60, 80, 3), 90, np.uint8))
    alpaca, grass = (figure.axes[6 * row].images[0].get_array().astype(int) for row in (1, 2))
    redness = alpaca[..., 0] - alpaca[..., 2]
    assert redness[:20, :25].min() > 60
    assert redness[45:].max() < 5
    assert np.ptp(grass) == 0


def test_any_label_can_be_drawn(recwarn):
    maps = make_maps(NASTY_LABELS, grid=(1, 2, 3))
    frames = draw_frames(1, 20, 30, seed=5)
    assert maps.overlay(frames).frames.max() == 255
    assert pixels(maps.grid_figure(frames)).std() > 10
    assert not recwarn.list


def test_a_grid_of_one_frame():
    assert len([axes for axes in make_maps(grid=(1, 2, 2)).grid_figure().axes if axes.images]) == 3


@pytest.mark.slow
@pytest.mark.parametrize("score", ["chi", "fisher", "dbi", "silhouette"])
def test_the_chosen_heads_are_ringed(score):
    maps = make_maps(head_score=score)
    maps.head_scores[2, 3] = float("nan")
    figure = maps.heads()
    axes = figure.axes[0]
    rings = np.concatenate([ring.get_offsets() for ring in axes.collections])
    expected = {(head, row) for row, heads in enumerate(maps.selected_heads.tolist()) for head in heads}
    assert {(int(x), int(y)) for x, y in rings} == expected
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1", "3", "5", "8"]
    assert axes.images[0].get_array().shape == (4, 6)
    assert pixels(figure).std() > 10


def test_many_patches_do_not_make_a_huge_picture():
    source = make_maps(("alpaca",), grid=(1, 512, 3)).source_video()
    assert (source.height, source.width) == (3 * 512, 3 * 3)


def test_heads_without_any_score():
    maps = make_maps()
    maps.head_scores[:] = float("nan")
    assert pixels(maps.heads()).std() > 0


def test_without_a_video_the_overlay_has_the_concepts_alone():
    maps = hot_corner(make_maps(("alpaca", "grass"), grid=(3, 20, 20)), 1, 20, 20)
    clip = maps.overlay(concepts="grass")
    assert clip.frames.shape == (9, LABEL_HEIGHT + 320 + 2 * GUTTER, 320 + 2 * GUTTER, 3)
    panel = clip.frames[:, GUTTER + LABEL_HEIGHT : -GUTTER, GUTTER:-GUTTER].astype(int)
    assert (panel[:, :150, :150, 0] - panel[:, :150, :150, 2]).min() > 60
    assert np.ptp(panel[:, 170:, 170:]) == 0


def sure_maps():
    maps = make_maps()
    agreements = {name: torch.tensor([0.314, 0.5, 1.0]) for name in maps.maps}
    return replace(maps, agreements=agreements, spreads={name: values.abs() for name, values in maps.maps.items()})


@pytest.mark.parametrize("video", [None, np.full((9, 60, 80, 3), 90, np.uint8)])
def test_a_grid_says_how_sure_each_map_is(video):
    def notes(maps, concepts=None):
        return [t.get_text() for t in maps.grid_figure(video, concepts).texts if t.get_text().startswith("agreement")]

    assert notes(sure_maps()) == ["agreement 0.31", "agreement 0.50", "agreement 1.00"]
    assert notes(sure_maps(), ["grass", "alpaca"]) == ["agreement 1.00", "agreement 0.31"]
    assert notes(make_maps()) == ["agreement unknown"] * 3

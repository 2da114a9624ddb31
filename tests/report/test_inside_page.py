"""Layers, steps and heads of a page in a browser: sliders, the film of the steps, and a click on a head."""

from dataclasses import replace

import numpy as np
import pytest

from imap_fast.report import inside
from tests.report import columns, moving
from tests.report.contrast import MEASURE_TEXT
from tests.report.driving import AWAIT_WORK, DESKTOP, PHONE, picture, scrub, show_heat

pytestmark = pytest.mark.slow

TAKE_TIME = """() => {
  window.setInterval = (act) => ((window.tick = act), -7);
  window.clearInterval = (id) => id === -7 && (window.tick = null);
}"""
"""The film goes on when the test says so."""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("inside") / "report.html"
    columns.make_maps().report(path, moving.make_clip())
    return path


@pytest.fixture
def page(open_page, file):
    page = open_page(file)
    show_heat(page, "below", 100)
    return page


def move(page, layer=None, step=None):
    """Move the sliders to places, of which the first is the mean over all."""
    for name, place in (("layer", layer), ("step", step)):
        if place is not None:
            page.locator(f"#{name}").fill(str(place))
    page.evaluate(AWAIT_WORK)


def hot(page, axis):
    """The brightness of the columns (axis 1) or rows (axis 0) of patches that have heat, by their place."""
    shown = picture(page)[16::32, 16::32].sum(2)  # the middle of each patch
    shown = np.delete(shown, [1, 2, 3], 0)  # where the square of the video is
    lines = shown.min(1 - axis)
    return {int(place): int(lines[place]) for place in (lines > 60).nonzero()[0]}


def test_the_sliders_show_a_layer_a_step_and_a_layer_in_a_step(page):
    whole = picture(page)
    move(page, step=2)
    assert set(hot(page, 1)) == {columns.column(layer, 20) for layer in columns.LAYERS}
    move(page, layer=1)
    assert set(hot(page, 1)) == {columns.column(2, 20)}
    dim = hot(page, 1)[columns.column(2, 20)]
    move(page, layer=2, step=3)
    bright = hot(page, 1)
    assert set(bright) == {columns.column(5, 30)}
    assert bright[columns.column(5, 30)] > dim + 100, "they share a scale"
    move(page, step=0)
    assert set(hot(page, 1)) == {columns.column(5, step) for step in columns.STEPS}
    page.get_by_role("button", name="Whole maps").click()
    assert (picture(page) == whole).all()
    assert page.locator("#layer").input_value() == page.locator("#step").input_value() == "0"


def test_the_page_says_what_is_shown(page):
    told = page.locator("#inside .explanation")
    assert told.inner_text() == "Shown: the whole maps."
    move(page, step=1)
    assert told.inner_text() == "Shown: step 10, the mean over the layers."
    assert page.locator("#step").get_attribute("aria-valuetext") == "step 10"
    assert page.locator("#layer").get_attribute("aria-valuetext") == "all layers"
    meaning = page.locator("#meaning").inner_text()
    assert meaning.startswith(
        "Shown is step 10, the mean over the layers. All steps are on one scale of their concept,"
    )
    move(page, layer=2)
    assert told.inner_text() == "Shown: layer 5 in step 10."
    assert (
        page.locator("#stage canvas").get_attribute("aria-label") == "The video under the map imap, layer 5 in step 10"
    )


def test_a_part_has_no_masks(page):
    page.get_by_label("Outline").check()
    move(page, step=1)
    assert page.get_by_label("Map", exact=True).is_checked()
    assert page.get_by_label("Outline").is_disabled()
    assert page.get_by_label("Fill").is_disabled()
    move(page, step=0)
    assert page.get_by_label("Outline").is_enabled()


def test_the_film_shows_one_step_after_another_at_the_same_frame(page):
    scrub(page, 5)
    page.evaluate(TAKE_TIME)
    page.get_by_role("button", name="Play the steps").click()
    shown = page.locator("#inside output").last
    for step in (*columns.STEPS, columns.STEPS[0]):
        assert shown.inner_text() == str(step)
        heat = hot(page, 1)
        assert max(heat, key=heat.get) == columns.column(5, step)
        page.evaluate("tick()")
    page.get_by_role("button", name="Stop").click()
    assert page.evaluate("tick") is None
    assert shown.inner_text() == "20"
    assert page.locator("#clock").inner_text() == "5 / 16"


@pytest.mark.parametrize("stops", ["slider", "video", "head"])
def test_the_film_ends_when_something_else_is_chosen(page, stops):
    page.evaluate(TAKE_TIME)
    page.get_by_role("button", name="Play the steps").click()
    {
        "slider": lambda: page.locator("#layer").fill("1"),
        "video": lambda: page.locator("#play").click(),
        "head": lambda: page.locator(".offered").first.click(),
    }[stops]()
    page.evaluate(AWAIT_WORK)
    assert page.locator("#inside button").first.inner_text() == "Play the steps"
    assert page.evaluate("tick") is None


def test_a_click_on_a_head_shows_its_map_and_the_next_one_goes_back(page):
    whole = picture(page)
    assert page.locator(".offered").count() == len(columns.HEADS)
    for place, (layer, head) in enumerate(columns.HEADS):
        cell = page.locator(f"[role=gridcell][title='Show head {head} of layer {layer} on the video']")
        move(page, step=2)
        cell.click()
        assert set(hot(page, 0)) == {columns.row(place) - 3}, "without the three rows of the square"
        assert cell.get_attribute("aria-selected") == "true"
        assert page.locator("[aria-selected=true]").count() == 1
        assert page.locator("#step").input_value() == "0"
        assert page.locator("#inside .explanation").inner_text() == f"Shown: head {head} of layer {layer}."
        assert page.locator("#stage").evaluate("stage => stage.getBoundingClientRect().top") >= 0
        cell.click()
        assert (picture(page) == whole).all()
        assert cell.get_attribute("aria-selected") == "false"
    page.locator("[role=gridcell]:not(.offered)").first.click()
    assert (picture(page) == whole).all()


def test_a_head_is_one_picture_and_the_keyboard_reaches_it(page):
    page.get_by_role("checkbox", name="gramcol").check()
    assert page.locator("#stage canvas").count() == 2
    page.get_by_role("gridcell").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator("#stage canvas").count() == 1
    assert set(hot(page, 0)) == {columns.row(0) - 3}
    page.keyboard.press("Space")
    assert page.locator("#stage canvas").count() == 2


def test_the_keyboard_moves_the_sliders(page):
    page.locator("#stage").focus()
    reached = []
    for _ in range(5):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("(({ id, innerText }) => id || innerText)(document.activeElement)"))
    assert reached == ["layer", "step", "Play the steps", "play", "scrubber"], "what does nothing now is skipped"
    page.locator("#step").focus()
    for key, shown in (("ArrowRight", "10"), ("End", "30"), ("Home", "all")):
        page.keyboard.press(key)
        assert page.locator("#inside output").last.inner_text() == shown


def test_with_few_latent_frames_the_heat_is_that_of_the_nearest_and_the_page_says_so(open_page, tmp_path, monkeypatch):
    maps = columns.make_maps(heads=())
    patches = maps.grid[1] * maps.grid[2]
    monkeypatch.setattr(inside, "MOST_BYTES", 3 * ((2 + 3) * 3 + 6) * patches)
    maps.kept["imap"][:, :, 0, 8:] *= 0.5
    maps.report(tmp_path / "report.html", moving.make_clip())
    page = open_page(tmp_path / "report.html")
    show_heat(page, "below", 100)
    move(page, layer=2)
    told = page.locator("#inside .explanation")
    known = {}
    for frame in (3, 5, 13):
        scrub(page, frame)
        known[frame] = hot(page, 1)[columns.column(5, 30)]
        nearest = {3: 0, 5: 8, 13: 16}[frame]
        assert told.inner_text().endswith(f"The heat is that of frame {nearest}, the nearest in this page.")
    assert known[3] > known[5] + 100, "nothing is made up between latent frames"
    assert known[5] == known[13]
    assert "3 of 17 latent frames" in page.locator("#meaning").inner_text()


def test_no_heat_comes_from_another_shot(open_page, tmp_path, monkeypatch):
    maps = columns.make_maps(heads=())
    monkeypatch.setattr(inside, "MOST_BYTES", 3 * (2 + 3 + 6) * maps.grid[1] * maps.grid[2])
    shots = [{"first_frame": 0, "num_frames": 9, "seconds": 0.0}, {"first_frame": 9, "num_frames": 8, "seconds": 1.125}]
    read = {"num_frames": moving.FRAMES, "height": moving.HEIGHT, "width": moving.WIDTH, "fps": 8.0, "shots": shots}
    maps = replace(maps, settings={**maps.settings, "video": read})
    maps.report(tmp_path / "report.html", moving.make_clip())
    page = open_page(tmp_path / "report.html")
    show_heat(page, "below", 100)
    move(page, layer=2, step=3)
    missing = []
    for frame in (0, 16):
        scrub(page, frame)
        missing.append("any latent frame of this shot" in page.locator("#inside .explanation").inner_text())
        assert bool(hot(page, 1)) is not missing[-1]
    assert sorted(missing) == [False, True]


def test_a_map_without_single_layers_in_the_page_is_named(open_page, tmp_path, monkeypatch):
    maps = columns.make_maps(heads=())
    whole_first_map = 3 * (2 + 3 + 6) * maps.imap[0].numel()
    monkeypatch.setattr(inside, "MOST_BYTES", whole_first_map)
    maps.report(tmp_path / "report.html", moving.make_clip())
    page = open_page(tmp_path / "report.html")
    page.get_by_role("checkbox", name="gramcol").check()
    move(page, layer=1)
    told = page.locator("#inside .explanation").inner_text()
    assert told == "Shown: layer 2, the mean over the steps. Not in this page: below (gramcol), late (gramcol)."
    assert page.locator("#stage figcaption").all_inner_texts() == [
        f"{name}, layer 2, the mean over the steps" for name in ("imap", "gramcol")
    ]


@pytest.mark.parametrize("keep", [("layers",), ("steps",), ()])
def test_there_is_a_slider_for_what_was_kept(open_page, tmp_path, keep):
    columns.make_maps(keep).report(tmp_path / "report.html", moving.make_clip())
    page = open_page(tmp_path / "report.html")
    assert page.locator("#inside input").evaluate_all("all => all.map(({ id }) => `${id}s`)") == list(keep)
    assert page.get_by_role("button", name="Play the steps").count() == ("steps" in keep)


def test_without_anything_kept_there_is_nothing_of_it(open_page, tmp_path):
    moving.make_maps().report(tmp_path / "report.html", moving.make_clip())
    page = open_page(tmp_path / "report.html")
    assert not page.locator("#inside").is_visible()
    assert page.locator(".offered").count() == 0


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_beside_the_video(open_page, file, viewport, scheme):
    page = open_page(file, viewport=viewport, scheme=scheme)
    move(page, layer=1, step=1)
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    stage, sliders = page.locator("#stage").bounding_box(), page.locator("#inside .sliders").bounding_box()
    assert sliders["y"] - stage["y"] - stage["height"] < 40, "the picture changes beside the hand"
    assert sliders["y"] + sliders["height"] < viewport["height"]
    assert [text for text in page.evaluate(MEASURE_TEXT) if text["ratio"] < 4.5 and "disabled" not in str(text)] == []

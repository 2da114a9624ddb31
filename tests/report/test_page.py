"""The page in a browser: its controls, with pointer and keyboard, in light and dark, at desktop and phone width."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from imap_fast.render.heatmap import heat
from tests.conftest import PATIENCE
from tests.render.synthetic import make_maps
from tests.report import moving
from tests.report.contrast import FIELDS_AND_LINES, MEASURE_LINES, MEASURE_TEXT
from tests.report.driving import DESKTOP, PHONE, await_frame

pytestmark = pytest.mark.slow

HOSTILE = ("</script><img src=x onerror=alert(1)>", "../../x", "e" * 500, "שלום עולם", "🦙 runs", "background")

INJECT = """() => new Promise((refused) => {
  document.addEventListener("securitypolicyviolation", (event) => refused(event.effectiveDirective));
  document.body.append(Object.assign(document.createElement("script"), { textContent: "window.ran = true" }));
})"""

FOCUSED = "(({ id, name, role, innerText }) => id || name || role || innerText)(document.activeElement)"


def test_maps_are_side_by_side_and_one_is_always_displayed(open_page, report):
    page = open_page(report)
    page.get_by_role("checkbox", name="gramcol").check()
    assert page.locator("#stage figcaption").all_inner_texts() == ["imap", "gramcol"]
    boxes = [panel.bounding_box() for panel in page.locator("#stage canvas").all()]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[1]["x"] > boxes[0]["x"] + boxes[0]["width"]
    page.get_by_role("checkbox", name="imap").uncheck()
    page.get_by_role("checkbox", name="gramcol").click()
    assert page.locator("#stage canvas").count() == 1


def test_a_curve_is_the_saliency_of_its_concept(open_page, report):
    page = open_page(report)
    assert page.locator("#timeline li .name").all_inner_texts() == ["below", "late"]
    late = page.locator("#timeline polyline").last.get_attribute("points").split()
    points = np.array([point.split(",") for point in late], float)[1:-1]  # its ends reach to those of the chart
    np.testing.assert_allclose(points[:, 0], np.arange(17) * 1000 / 16, atol=0.01)
    np.testing.assert_allclose(points[:, 1], [100] * 9 + [0] * 8)


def test_the_page_says_what_the_numbers_of_the_shown_maps_mean(open_page, report):
    page = open_page(report)
    meaning = page.locator("#meaning")
    assert meaning.inner_text().startswith("Shown is imap: how much more a patch has to do with a concept than")
    assert meaning.inner_text().count("Shown is") == 1
    page.get_by_role("checkbox", name="gramcol").check()
    assert "Shown is gramcol:" in meaning.inner_text()
    page.get_by_role("checkbox", name="imap").uncheck()
    assert "imap" not in meaning.inner_text()


def test_what_a_control_does_is_said_when_asked(open_page, report):
    page = open_page(report)
    entries = page.locator("#help dt")
    assert not entries.first.is_visible()
    links = page.locator("a.help")
    asked = links.evaluate_all("links => links.map((link) => link.hash.slice(1))")
    assert sorted(asked) == sorted(entries.evaluate_all("entries => entries.map(({ id }) => id)"))
    for number, entry in enumerate(asked):
        page.evaluate("document.getElementById('help').open = false")
        links.nth(number).focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == entry
        assert page.locator(f"#{entry} + dd").is_visible()
    assert page.url.endswith("report.html")


def test_the_agreement_of_a_concept_is_beside_its_label(open_page, tmp_path):
    maps = moving.make_maps()
    sure = {name: torch.linspace(0.25, 1, len(maps.labels_of(name))) for name in maps.maps}
    spreads = {name: values.abs() for name, values in maps.maps.items()}
    replace(maps, agreements=sure, spreads=spreads).report(tmp_path / "sure.html", moving.make_clip())
    first = open_page(tmp_path / "sure.html").locator("#timeline li .sure").first
    assert first.inner_text() == "steady · agreement 0.25"


def test_a_bar_is_the_time_in_which_a_concept_is_active(open_page, report):
    page = open_page(report)
    told = [text.replace("\xa0", " ") for text in page.locator("#timeline li .sure").all_inner_texts()]
    assert told == ["steady", "active 1.13 s – 2.13 s"]
    (bar,) = page.locator(".lanes rect").all()
    assert bar.locator("title").text_content() == "late: 1.13 s – 2.13 s"
    chart, drawn = page.locator("#timeline .chart").bounding_box(), bar.bounding_box()
    assert drawn["y"] > chart["y"] + chart["height"]
    assert drawn["x"] == pytest.approx(chart["x"] + chart["width"] * 8.5 / 16, abs=1)
    assert drawn["x"] + drawn["width"] == pytest.approx(chart["x"] + chart["width"], abs=1)
    colour, line = (
        each.evaluate("(each, name) => getComputedStyle(each)[name]", name)
        for each, name in ((bar, "fill"), (page.locator("#timeline polyline").last, "stroke"))
    )
    assert colour == line
    page.get_by_role("checkbox", name="late").uncheck()
    assert page.locator(".lanes rect").count() == 0


def test_many_intervals_leave_the_label_its_place(open_page, tmp_path):
    maps = make_maps(("running",), grid=(40, 4, 6))
    maps.imap.mul_(0.02)
    for begin in range(2, 40, 8):
        maps.imap[0, begin : begin + 4, :2] += 5
    maps.report(tmp_path / "report.html")
    page = open_page(tmp_path / "report.html", viewport=PHONE)
    assert page.locator(".lanes rect").count() == 5
    told = page.locator("#timeline li .sure").inner_text()
    assert told.count("–") == 3
    assert told.endswith(", …")
    name = page.locator("#timeline li .name")
    assert name.evaluate("name => name.scrollWidth <= name.clientWidth + 1"), "the label is whole"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is beside the page"


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_playhead_is_under_the_thumb_of_the_scrubber(open_page, report, viewport):
    page = open_page(report, viewport=viewport)
    scrubber = page.locator("#scrubber").bounding_box()
    for key, place in (("Home", 8), ("End", scrubber["width"] - 8)):
        page.locator("#scrubber").press(key)
        await_frame(page, 0 if key == "Home" else 16)
        assert page.locator(".playhead").bounding_box()["x"] == pytest.approx(scrubber["x"] + place, abs=1)


def test_heads_show_their_scores(open_page, report):
    page = open_page(report)
    readout = page.locator("#heads .below p").first
    cells = page.get_by_role("gridcell")
    assert cells.count() == 8
    cells.nth(4).hover()
    assert readout.inner_text() == "layer 5 · head 0 · 40 · chosen, 1 of 2"
    cells.nth(0).focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    assert readout.inner_text() == "layer 2 · head 3 · no score"
    assert page.locator(".chosen").count() == 4
    assert page.locator("[role=gridcell][tabindex='0']").count() == 1


def test_the_keyboard_reaches_and_operates_everything(open_page, report):
    page = open_page(report)
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
        if reached[-1] == "Masks masks-coco.zip":
            break
    wanted = ["stage", "play", "scrubber", "mode", "concept", "map-0", "map-1", "opacity", "threshold", "upsampling"]
    assert [name for name in dict.fromkeys(reached) if name in wanted] == wanted
    assert "gridcell" in reached
    assert reached.count("?") == page.locator("a.help").count()
    assert "What the controls do" in reached
    assert reached[reached.index("gridcell") + 1 :] == ["?", *page.locator("#downloads button").all_inner_texts()]

    clock = page.locator("#clock")
    page.locator("#stage").focus()
    for key, frame in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 16), ("ArrowRight", 0)):
        page.keyboard.press(key)
        await_frame(page, frame)
    page.keyboard.press("Space")
    page.get_by_role("button", name="Pause").wait_for()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Play").wait_for()
    assert clock.inner_text().endswith("/ 16")
    page.get_by_role("checkbox", name="late").focus()
    page.keyboard.press("Space")
    assert page.locator("#timeline li").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_passes_wcag_aa(open_page, report, scheme):
    page = open_page(report, scheme=scheme)
    page.get_by_role("checkbox", name="background").check()
    page.get_by_role("checkbox", name="gramcol").check()
    page.get_by_text("What the controls do").click()
    texts = page.evaluate(MEASURE_TEXT)
    assert len(texts) > 50
    assert [text for text in texts if text["ratio"] < 4.5] == []
    lines = page.evaluate(MEASURE_LINES, FIELDS_AND_LINES)
    assert {line["selector"] for line in lines} == {selector for selector, *_ in FIELDS_AND_LINES}
    assert [line for line in lines if line["ratio"] < 3] == []


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_labels_stay_text_and_nothing_overflows(open_page, tmp_path, viewport):
    scores = make_maps(HOSTILE, grid=(3, 4, 6), prompt=HOSTILE[0] + " " + "word " * 200, note=HOSTILE[0])
    scores.report(tmp_path / "report.html")
    page = open_page(tmp_path / "report.html", viewport=viewport)
    assert page.locator("#concepts .name").all_text_contents() == list(HOSTILE)
    assert page.locator("#title").text_content().startswith(HOSTILE[0])
    assert page.locator("img").count() == 0
    assert HOSTILE[0] in page.locator("#settings dd").all_text_contents()
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]


def test_a_foreign_script_does_not_run(browser, report):
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(report.as_uri())
    refused = page.evaluate(INJECT)
    assert refused == "script-src-elem"
    assert page.evaluate("window.ran") is None
    page.close()


def test_everything_can_be_downloaded(open_page, report, tmp_path):
    page = open_page(report)
    for button in page.locator("#downloads button").all():
        with page.expect_download() as download:
            button.click()
        download.value.save_as(tmp_path / download.value.suggested_filename)
    maps = moving.make_maps()
    np.testing.assert_array_equal(np.load(tmp_path / "gramcol.npy"), np.rint(heat(maps.gramcol).numpy() * 255))
    assert Image.open(tmp_path / "frame.png").size == (640, 384)
    assert Image.open(tmp_path / "grid.jpg").width > 500
    assert (tmp_path / "timeline.svg").read_text().startswith("<?xml")
    assert (tmp_path / "heads.svg").read_text().startswith("<?xml")
    heads = list(csv.reader((tmp_path / "heads.csv").open()))
    assert heads[:2] == [["layer", "head", "score", "chosen"], ["2", "0", "3", "1"]]
    assert len(heads) == 1 + 8
    timeline = list(csv.reader((tmp_path / "timeline.csv").open()))
    assert timeline[1 + 17 + 9] == ["imap", "late", "9", "1"]
    assert len(timeline) == 1 + 2 * 3 * 17


def test_a_concept_of_one_map_is_displayed_there(open_page, tmp_path):
    maps = make_maps(("cat", "dog"), grid=(3, 4, 6))
    baseline = torch.zeros(1, 3, 4, 6)
    baseline[:, 2] = 1
    maps = replace(maps, maps={**maps.maps, "cross_attention": baseline}, baseline_labels=("grass",))
    maps.report(tmp_path / "report.html")
    page = open_page(tmp_path / "report.html")
    assert page.locator("#timeline li .name").all_inner_texts() == ["cat", "dog"]
    page.get_by_role("checkbox", name="cross_attention").check()
    page.get_by_role("checkbox", name="cat").uncheck()
    assert page.locator("#timeline li .name").all_inner_texts() == ["dog", "grass"]
    assert page.locator("#timeline li .sure").last.inner_text() == "cross_attention · steady"

"""The page of two runs, as a file and in a browser."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

import imap_fast
from tests.maps.raw_files import with_repeats
from tests.render.synthetic import NASTY_LABELS, make_maps
from tests.report import moving
from tests.report.contrast import FIELDS_AND_LINES, MEASURE_LINES, MEASURE_TEXT
from tests.report.driving import AWAIT_WORK, DESKTOP, PHONE, await_frame, show_heat
from tests.report.test_write import block

READ = {"num_frames": moving.FRAMES, "height": moving.HEIGHT, "width": moving.WIDTH, "fps": 8.0}
HOSTILE = ("</script><img src=x onerror=alert(1)>", "שלום עולם", "e" * 200, *NASTY_LABELS[:1])


def explained(maps, **read):
    return replace(maps, settings={**maps.settings, "video": READ | read})


def later():
    """The moving maps, of another model that saw the middle of the video, in which "late" begins earlier."""
    maps = moving.make_maps(model="/home/jane/b/model")
    maps.imap[1, 5:] = 1
    middle = {name: values[..., 4:16] for name, values in maps.maps.items()}
    return explained(replace(maps, maps=middle), width=96)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("comparison") / "compare.html"
    one = with_repeats(explained(moving.make_maps(model="/home/jane/a/model")))
    one = replace(one, agreements={name: torch.tensor([0.375, 0.625, 1.0]) for name in one.maps})
    imap_fast.compare(one, later(), moving.make_clip(), names=("first run", "</script>")).report(path)
    return path


@pytest.fixture(scope="module")
def content(file):
    return json.loads(block(file.read_text("utf-8"), "content"))


def test_the_page_holds_both_runs_and_their_numbers(file, content):
    assert content["title"] == "a square slides right"
    assert content["video"] == {"frames": 17, "fps": 8.0, "height": 96, "width": 160}
    one, other = content["maps"]
    assert (one["name"], other["name"]) == ("first run", "</script>")
    assert (one["grid"], other["grid"]) == ([17, 12, 20], [17, 12, 12])
    assert one["seen"] == [0, 0, 1, 1]
    assert other["seen"] == [0.2, 0, 0.6, 1]
    assert one["saliency"][1] == [0] * 9 + [1] * 8
    assert other["saliency"][1] == [0] * 5 + [1] * 12
    numbers = {each["label"]: each for each in content["numbers"]}
    assert numbers["late"]["temporal_iou"] == 8 / 12
    assert numbers["below"]["temporal_iou"] is None
    assert other["agreement"] is None
    assert "<img" not in file.read_text("utf-8")


def test_the_page_names_no_folder_and_keeps_models_apart_that_are_called_alike(file, content):
    assert ["model", "model", "model (2)"] in content["differences"]
    assert ["video width", "160", "96"] in content["differences"]
    assert "jane" not in file.read_text("utf-8")


def test_it_needs_nothing_else(file):
    page = file.read_text("utf-8")
    assert not re.search(r'(src|action)="|href="(?!#)', page)
    assert "default-src 'none'" in page
    assert [each.name for each in file.parent.iterdir()] == ["compare.html"]


def test_another_suffix_is_refused(tmp_path):
    maps = explained(moving.make_maps())
    with pytest.raises(ValueError, match=r"saved as \.html, not 'page\.pdf'"):
        imap_fast.compare(maps, maps).report(tmp_path / "page.pdf")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_both_runs_are_beside_each_other_under_one_player(open_page, file):
    page = open_page(file)
    assert page.locator("#stage figcaption").all_inner_texts() == ["first run", "</script>"]
    first, second = (panel.bounding_box() for panel in page.locator("#stage canvas").all())
    assert first["y"] == second["y"]
    assert second["x"] > first["x"] + first["width"]
    page.locator("#scrubber").fill("6")
    await_frame(page, 6)
    told = [text.replace("\xa0", " ") for text in page.locator("#timeline li").all_inner_texts()]
    assert [text.split("\n") for text in told] == [
        ["below", "first run · steady · agreement 0.38"],
        ["below", "</script> · active 0.38 s – 1.88 s"],
        ["late", "first run · active 1.13 s – 2.13 s · agreement 0.63"],
        ["late", "</script> · active 0.63 s – 2.13 s"],
    ]
    dashes = [
        line.evaluate("each => getComputedStyle(each).strokeDasharray") for line in page.locator("polyline").all()
    ]
    assert [dash == "none" for dash in dashes] == [True, False, True, False]
    assert page.locator(".lanes rect").count() == 3
    page.get_by_role("checkbox", name="first run").uncheck()
    assert page.locator("#stage canvas").count() == 1
    assert page.locator("#timeline li").count() == 2


@pytest.mark.slow
def test_a_map_lies_where_its_model_saw_the_video(open_page, file):
    page = open_page(file)
    show_heat(page, "late", opacity=100)
    page.locator("#scrubber").fill("12")
    await_frame(page, 12)
    page.evaluate(AWAIT_WORK)
    bright = page.evaluate("""() => [...document.querySelectorAll("#stage canvas")].map((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, canvas.height - 40, canvas.width, 1);
      return Array.from({ length: canvas.width }, (_, x) => data[4 * x] > 60);
    })""")
    one, other = (np.flatnonzero(row) / len(row) for row in bright)
    assert (one.min(), one.max()) == pytest.approx((0, 1), abs=0.01)
    assert (other.min(), other.max()) == pytest.approx((0.2, 0.8), abs=0.01)


@pytest.mark.slow
def test_the_tables_say_what_is_known(open_page, file):
    page = open_page(file)
    rows = [row.locator("th, td").all_inner_texts() for row in page.locator("#numbers tr").all()]
    heads = ["Concept", "Map", "Correlation", "IoU of masks", "IoU in time"]
    assert rows[0] == [*heads, "Agreement of first run", "Agreement of </script>"]
    assert [row[0] for row in rows[1:]] == ["below", "late"]
    assert rows[1][4] == "–"
    assert rows[2][4] == "0.67"
    assert rows[2][5:] == ["0.63", "–"]
    assert page.locator("#left-out").is_hidden()
    page.get_by_role("link", name="What the numbers of the table are").click()
    assert page.evaluate("document.activeElement.id") == "help-table"
    links = page.locator("a.help").evaluate_all("links => links.map((link) => link.hash.slice(1))")
    entries = page.locator("#help dt").evaluate_all("entries => entries.map(({ id }) => id)")
    assert sorted(links) == sorted(entries)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_passes_wcag_aa(open_page, file, scheme):
    page = open_page(file, scheme=scheme)
    page.get_by_text("What the controls do").click()
    assert [text for text in page.evaluate(MEASURE_TEXT) if text["ratio"] < 4.5] == []
    lines = page.evaluate(MEASURE_LINES, [*FIELDS_AND_LINES, (".lanes .second", "stroke")])
    assert any(line["selector"] == ".lanes .second" for line in lines)
    assert [line for line in lines if line["ratio"] < 3] == []


@pytest.mark.slow
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_labels_stay_text_and_nothing_overflows(open_page, tmp_path, viewport):
    labels = (*HOSTILE, *(f"concept {i}" for i in range(8)))
    one, other = (make_maps((*labels, only), grid=(3, 4, 6), note="x" * 300 + only) for only in ("<b>", "n" * 300))
    names = "n" * 250, "</script>"
    imap_fast.compare(one, other, names=names).report(tmp_path / "report.html")
    page = open_page(tmp_path / "report.html", viewport=viewport)
    assert page.locator("#numbers tbody th").all_text_contents() == list(labels)
    assert page.locator("#concepts .name").all_text_contents() == list(labels)
    assert (
        page.locator("#left-out").text_content()
        == f"Not compared, only in {names[0]}: <b>; only in </script>: {'n' * 300}."
    )
    assert page.locator("img, b:not(#help b)").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    for panel in page.locator("#stage canvas").all():
        assert panel.bounding_box()["width"] > 100

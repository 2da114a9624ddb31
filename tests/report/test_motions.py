"""The report of things and motions: each label by its map is the first choice, and says which map it is."""

import base64
import csv
import json
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from imap_fast.render.heatmap import heat
from imap_fast.render.timeline import saliency_over_time
from imap_fast.report import figures
from imap_fast.report.planes import pack
from tests.conftest import PATIENCE
from tests.maps.raw_files import with_repeats
from tests.report import moving
from tests.report.driving import picture, show_heat
from tests.report.test_write import block

MOTIONS = ["late"]
BY = ["gramcol", "imap", "gramcol"]


@pytest.fixture(scope="module")
def maps():
    made = moving.make_maps(motions=MOTIONS)
    return with_repeats(replace(made, maps={"imap": made.imap, "gramcol": made.imap.roll(1, 0)}))


@pytest.fixture(scope="module")
def file(maps, tmp_path_factory):
    path = tmp_path_factory.mktemp("motions") / "report.html"
    maps.report(path, moving.make_clip())
    return path


@pytest.mark.slow
def test_by_concept_comes_first_and_holds_each_label_by_its_map(file, maps):
    page = file.read_text("utf-8")
    first, *others = json.loads(block(page, "content"))["maps"]
    assert (first["name"], first["of"]) == ("by concept", BY)
    assert [each["name"] for each in others] == ["imap", "gramcol"]
    assert first["meaning"].startswith("Shown are motions by imap and other words by gramcol: ")
    for place, label in enumerate(moving.LABELS):
        values = maps[label]
        packed = base64.b64decode(block(page, first["planes"][place]))
        assert zlib.decompress(packed) == zlib.decompress(pack(values))
        np.testing.assert_allclose(first["saliency"][place], saliency_over_time(values[None])[0], atol=5e-4)
    assert first["agreement"] == [round(value, 2) for value in maps.agreement.tolist()]
    assert page.count('id="planes-') == 2 * len(moving.LABELS), "no map is there twice"


@pytest.mark.slow
def test_without_motions_there_is_no_such_choice(tmp_path):
    moving.make_maps().report(tmp_path / "report.html", moving.make_clip())
    maps = json.loads(block((tmp_path / "report.html").read_text("utf-8"), "content"))["maps"]
    assert [each["name"] for each in maps] == ["imap", "gramcol"]
    assert not any("of" in each for each in maps)


@pytest.mark.slow
def test_maps_that_are_not_sure_of_anything_say_nothing(tmp_path):
    moving.make_maps(motions=MOTIONS).report(tmp_path / "report.html", moving.make_clip())
    maps = json.loads(block((tmp_path / "report.html").read_text("utf-8"), "content"))["maps"]
    assert [each["agreement"] for each in maps] == [None, None, None]


@pytest.mark.slow
def test_the_figures_are_by_concept(maps, tmp_path, monkeypatch):
    drawn = {}

    def noted(name):
        draw = getattr(figures, name)
        monkeypatch.setattr(figures, name, lambda *given: drawn.update({name: given}) or draw(*given))

    noted("grid_of_stills")
    noted("timeline_figure")
    maps.report(tmp_path / "report.html", moving.make_clip())
    shown = torch.stack([maps[label] for label in moving.LABELS])
    _, _, labels, grid, *_, notes = drawn["grid_of_stills"]
    titles, curves, *_ = drawn["timeline_figure"]
    assert torch.equal(torch.stack(list(grid)), shown)
    assert torch.equal(torch.stack(list(curves)), shown)
    assert tuple(labels) == moving.LABELS
    assert titles == [f"{label} ({name})" for label, name in zip(moving.LABELS, BY, strict=True)]
    assert [note.partition(",")[0] for note in notes] == BY


@pytest.mark.slow
def test_the_page_shows_each_label_by_its_map(open_page, file, maps):
    page = open_page(file)
    assert page.locator("#stage figcaption").all_inner_texts() == ["by concept"]
    assert page.locator("#maps label").all_inner_texts() == ["by concept", "imap", "gramcol"]
    when = ["steady", "active 1.13\xa0s\xa0–\xa02.13\xa0s"]
    told = [f"{BY[place]} · {times} · agreement {maps.agreement[place]:.2f}" for place, times in enumerate(when)]
    assert page.locator("#timeline li .sure").all_inner_texts() == told  # the background is not displayed
    pictures = {}
    for choice in ("by concept", "imap", "gramcol"):
        page.get_by_role("checkbox", name=choice, exact=True).check()
        for other in {"by concept", "imap", "gramcol"} - {choice}:
            page.get_by_role("checkbox", name=other, exact=True).uncheck()
        for label in ("below", "late"):
            show_heat(page, label, 100)
            pictures[choice, label] = picture(page)
    assert np.array_equal(pictures["by concept", "below"], pictures["gramcol", "below"])
    assert np.array_equal(pictures["by concept", "late"], pictures["imap", "late"])
    for label in ("below", "late"):
        assert not np.array_equal(pictures["imap", label], pictures["gramcol", label])
    assert "by concept" not in page.locator("#meaning").inner_text()


@pytest.mark.slow
def test_the_downloads_are_of_the_maps_themselves(open_page, file, maps, tmp_path):
    page = open_page(file)
    names = [text.split()[1] for text in page.locator("#downloads button").all_inner_texts()]
    assert names == ["frame.png", "grid.jpg", "timeline.svg", "heads.svg", "imap.npy", "gramcol.npy", *names[-4:]]
    for name in ("imap.npy", "gramcol.npy", "timeline.csv"):
        with page.expect_download(timeout=PATIENCE) as download:
            page.locator("#downloads button", has_text=name).click()
        download.value.save_as(tmp_path / name)
    for name, values in maps.maps.items():
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), (heat(values) * 255).round().byte().numpy())
    rows = list(csv.DictReader((tmp_path / "timeline.csv").open()))
    assert {row["map"] for row in rows} == {"imap", "gramcol"}

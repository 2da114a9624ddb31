"""The benchmark of masks measures every way to make them."""

import json

import pytest

from benchmarks.masks import WAYS, Way, main, scores
from benchmarks.readme import masks
from imap_fast.evaluate import demo_world
from tests.evaluate.truth import maps_of


@pytest.mark.slow
def test_it_measures_every_way(tmp_path, capsys) -> None:
    main(["--clips", "2", "--output", str(tmp_path / "masks.json")])
    report = json.loads((tmp_path / "masks.json").read_text())
    assert capsys.readouterr().out.startswith(f"{len(report['rows'])} rows in ")
    names = {row["name"] for row in report["rows"]}
    for way in WAYS:
        if way.refine != "crf":
            assert {f"{way} j", f"{way} mean_iou"} <= names
    found = [row for row in report["rows"] if row["unit"] in ("J", "IoU")]
    assert all(0 <= row["value"] <= 1 for row in found)
    table = masks(tmp_path)
    assert table.startswith("Means over 2 held-out clips, ")
    assert "| `gramcol`, `guided` | 0." in table


def test_a_map_that_is_the_mask_has_a_score_of_1() -> None:
    example = demo_world(1).clips["held_out-0"]()
    objects = [truth for truth in example.truths if truth.kind == "object"]
    maps = maps_of(**{truth.label: truth.mask.astype("float32") for truth in objects})
    for exclusive in (False, True):
        j, mean_iou = scores(maps, example, Way("imap", "0.5", "none", exclusive))
        assert list(j) == [truth.label for truth in objects]
        assert min(j.values()) > 0.8  # small specks of a mask are dropped, and objects that overlap share no pixel
        assert mean_iou > 0.8

"""The benchmark of localization writes the results of the evaluation."""

import json
import shutil

import pytest

import benchmarks.localization
from benchmarks.localization import MATCHES, main
from benchmarks.readme import MEASURED, localization
from imap_fast.demo.shipped_model import MODEL, RECORD


@pytest.mark.slow
def test_it_writes_every_measure_of_every_method(tmp_path, capsys) -> None:
    path = tmp_path / "localization.json"
    main(["--clips", "2", "--output", str(path)])
    report = json.loads(path.read_text())
    assert capsys.readouterr().out == f"{len(report['rows'])} rows in {path}\n"
    measures = [measure for of_table in MEASURED.values() for measure in of_table]
    names = {f"{measure} {method}" for measure in measures for method in ("imap", "random_heads")}
    for keys in MATCHES.values():
        assert names <= {row["name"] for row in report["rows"] if f"clips, {keys}, layers [" in row["shape"]}
    found = [row for row in report["rows"] if row["name"].startswith("object")]
    assert all(0 <= row["low"] <= row["value"] <= row["high"] <= 1 for row in found)
    assert found[0]["shape"].startswith("2 held-out clips, ")
    units = {row["name"].split()[1]: row["unit"] for row in report["rows"]}
    assert [units[measure] for measure in ("spatial_auc", "mean_iou", "pointing")] == ["AUC", "IoU", "share of frames"]
    assert [units[measure] for measure in ("j", "f", "j_and_f", "miou", "mvc8")] == [
        "J",
        "F",
        "J&F",
        "IoU",
        "share of pixels",
    ]
    assert localization(tmp_path).startswith("Means over 2 held-out clips, ")


@pytest.mark.slow
def test_another_model_is_read_in_its_own_layers(tmp_path, monkeypatch) -> None:
    model, path = shutil.copytree(MODEL, tmp_path / "model"), tmp_path / "localization.json"
    monkeypatch.setattr(benchmarks.localization, "MODEL", tmp_path / "absent")  # not the one that ships
    record = json.loads((model / RECORD).read_text())
    (model / RECORD).write_text(json.dumps(record | {"chosen": {"layers": [2], "steps": [30], "top_k": 1}}))
    main(["--model", str(model), "--clips", "1", "--output", str(path)])
    shapes = {row["shape"] for row in json.loads(path.read_text())["rows"]}
    assert shapes == {f"1 held-out clips, {keys}, layers [2], step 30 of 50" for keys in MATCHES.values()}

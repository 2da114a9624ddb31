"""What the README says was measured is what the results hold."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import readme
from benchmarks.readme import BEGIN, END, README, figure, section


def test_the_readme_holds_the_results_that_are_committed() -> None:
    _, _, rest = README.read_text("utf-8").partition(BEGIN)
    written, found, _ = rest.partition(END)
    assert found, "README.md has lost its markers"
    assert written.strip() == section(), "run python -m benchmarks.readme"


def test_rows_that_have_a_name_are_told_with_device_date_and_picture(tmp_path: Path, monkeypatch) -> None:
    rows = [
        {"name": "stock_seconds_2b", "shape": "2b", "value": 3.0, "unit": "s"},
        {"name": "authors_over_ours_2b", "shape": "2b", "value": 21.337, "unit": "ratio"},
        {"name": "step_ratio_2b", "shape": "2b C=8", "value": 0.98765, "unit": "ratio"},
        {"name": "step_ratio_2b_sweep", "shape": "2b frames=81", "value": 1.5, "unit": "ratio"},
        {"name": "authors_over_ours_5b", "shape": "not measured", "value": None, "unit": "ratio"},
    ]
    report = {"device": "a GPU", "date": "2026-01-02", "versions": {"torch": "2.11"}, "rows": rows}
    (tmp_path / "pipeline-a.json").write_text(json.dumps(report))
    (tmp_path / "pipeline-a.png").touch()
    (tmp_path / "other.json").write_text(json.dumps(report | {"rows": rows[:1]}))
    assert section(tmp_path).splitlines() == [
        "**a GPU**, 2026-01-02 (torch 2.11)",
        "",
        "| what | figure | of |",
        "| --- | --- | --- |",
        "| a step with saliency over a stock one | 0.99 × | 2b C=8 |",
        "| a step of the published code over ours | 21.34 × | 2b |",
        "",
        "![pipeline-a](benchmarks/results/pipeline-a.png)",
    ]
    page = tmp_path / "README.md"
    page.write_text(f"above\n{BEGIN}\nold\n{END}\nbelow\n")
    monkeypatch.setattr(readme, "README", page)
    readme.main()
    assert page.read_text() == f"above\n{BEGIN}\n{section()}\n{END}\nbelow\n"


def test_figures_read_well() -> None:
    assert [figure(1.00031, "ratio"), figure(1.76, "ratio"), figure(12.345, "MiB")] == [
        "1.0003 ×",
        "1.76 ×",
        "12.3 MiB",
    ]

"""The figures of README and the docs are those of the results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import cards, readme
from benchmarks.figure import figure
from benchmarks.readme import BEGIN, END, MEASURED, PAGES, costs, localization, predicted, targets

SECTIONS = {(page, name): section for page, sections in PAGES.items() for name, section in sections.items()}


# tests/benchmarks/test_resources.py compares the predicted ones, because it compiles the kernels.
READ = [key for key, section in SECTIONS.items() if section not in (predicted, cards.table)]


@pytest.mark.parametrize(("page", "name"), READ)
def test_a_page_holds_the_results_that_are_committed(page: Path, name: str) -> None:
    _, _, rest = page.read_text("utf-8").partition(BEGIN.format(name))
    written, found, _ = rest.partition(END.format(name))
    assert found, f"{page.name} has lost its markers"
    assert written.strip() == SECTIONS[page, name](), "run python -m benchmarks.readme"


@pytest.mark.slow
def test_a_page_holds_what_fits_a_card() -> None:
    """Only for the smallest model: larger clips take a minute."""
    (page,) = (page for (page, _), section in SECTIONS.items() if section is cards.table)
    lines = [line.split("|") for line in page.read_text("utf-8").splitlines() if " GB |" in line]
    assert [cells[2].strip() for cells in lines] == cards.column("2b")


def test_rows_with_a_description_are_written_with_device_date_and_picture(tmp_path: Path, monkeypatch) -> None:
    rows = [
        {"name": "stock_seconds_2b", "shape": "2b", "value": 3.0, "unit": "s"},
        {"name": "authors_over_ours_2b", "shape": "2b", "value": 21.337, "unit": "ratio"},
        {"name": "step_ratio_2b", "shape": "2b C=8", "value": 0.98765, "unit": "ratio"},
        {"name": "gram_column_bandwidth_2b", "shape": "2b", "value": 0.7, "unit": "ratio"},
        {"name": "step_ratio_2b_sweep", "shape": "2b frames=81", "value": 1.5, "unit": "ratio"},
        {"name": "authors_over_ours_5b", "shape": "not measured", "value": None, "unit": "ratio"},
    ]
    report = {"device": "a GPU", "date": "2026-01-02", "versions": {"torch": "2.11"}, "rows": rows}
    (tmp_path / "pipeline-a.json").write_text(json.dumps(report))
    (tmp_path / "pipeline-a.png").touch()
    (tmp_path / "other.json").write_text(json.dumps(report | {"rows": rows[:1]}))
    assert costs(tmp_path, tmp_path).splitlines() == [
        "**a GPU**, 2026-01-02 (torch 2.11)",
        "",
        "| what | figure | of |",
        "| --- | --- | --- |",
        "| a step with saliency over a stock one | 0.99 × | 2b C=8 |",
        "| a step of the published code over ours | 21.34 × | 2b |",
        "| bandwidth of `gram_column` over a copy's | 0.70 × | 2b |",
        "",
        "![Seconds of each variant, a GPU](images/pipeline-a.png)",
    ]


def test_a_target_is_met_or_missed_on_every_device_that_was_measured(tmp_path: Path) -> None:
    values = {"qk_match_bandwidth_2b": 0.8, "gram_column_bandwidth_2b": 0.799, "memory_delta_mib_2b": 65, "other": 1}
    units = {"memory_delta_mib_2b": "MiB"}
    rows = [
        {"name": name, "shape": "2b", "value": value, "unit": units.get(name, "ratio")}
        for name, value in (values | {"saliency_over_attention_2b": None}).items()
    ]
    for device in ("A", "B"):
        (tmp_path / f"{device}.json").write_text(json.dumps({"device": device, "rows": rows}))
    assert targets(tmp_path).splitlines()[2:] == [
        f"| `{name}` | {cells} | {device} |"
        for name, cells in (
            ("qk_match_bandwidth_2b", "≥ 0.8 × | 0.80 × | met"),
            ("gram_column_bandwidth_2b", "≥ 0.8 × | 0.80 × | **missed**"),
            ("memory_delta_mib_2b", "≤ 64 MiB | 65 MiB | **missed**"),
        )
        for device in "AB"
    ]


def test_localization_has_tables_for_each_shape_with_a_row_for_each_method(tmp_path: Path) -> None:
    rows = [
        {
            "name": f"{measure} {method}",
            "shape": shape,
            "value": value,
            "low": None if value is None else value - 0.1,
            "high": None if value is None else 1,
            "unit": "AUC",
        }
        for shape, all_at_once in (("9 clips, concepts", 0.5), ("9 clips, words", None))
        for measures in MEASURED.values()
        for measure in measures
        for method, value in (("imap", 0.75), ("random_heads", 0.5))
        for value in [all_at_once if measure == "segmentation mean_iou" else value]
    ]
    (tmp_path / "localization.json").write_text(json.dumps({"date": "2026-01-02", "rows": rows}))
    parts = localization(tmp_path).split("\n\n")
    assert parts[0] == "Means over 9 clips, concepts, each with its 95 % confidence interval; 2026-01-02."
    assert parts[1].splitlines() == [
        "| Objects | AUC in a frame | highest point inside | AUC in space-time |",
        "| --- | --- | --- | --- |",
        "| `imap` |" + " 0.75 <small>0.65–1.00</small> |" * 3,
        "| `random_heads` |" + " 0.50 <small>0.40–1.00</small> |" * 3,
    ]
    assert parts[4].splitlines()[2] == "| `imap` | 0.50 <small>0.40–1.00</small> |"
    assert parts[5].startswith("Means over 9 clips, words,")
    assert [part.splitlines()[0].split(" | ")[0] for part in parts if part.startswith("|")] == [
        *("| Objects", "| Motions", "| When motions happen", "| All objects at once"),
        *("| Objects", "| Motions", "| When motions happen"),
    ]


def test_every_section_is_written_where_it_belongs(tmp_path: Path, monkeypatch) -> None:
    pages = {tmp_path / "one.md": ("b", "a"), tmp_path / "two.md": ("c",)}
    for page, names in pages.items():
        empty = [f"{BEGIN.format(name)}\nold\n{END.format(name)}" for name in names]
        page.write_text("\n".join(["above", *empty, "below"]))
    sections = {
        page: {name: lambda name=name: f"new {name}" for name in sorted(names)} for page, names in pages.items()
    }
    monkeypatch.setattr(readme, "PAGES", sections)
    readme.main()
    for page, names in pages.items():
        full = [f"{BEGIN.format(name)}\nnew {name}\n{END.format(name)}" for name in names]
        assert page.read_text() == "\n".join(["above", *full, "below"])


def test_figures_read_well() -> None:
    assert [figure(0.02678, "ratio"), figure(1.00031, "ratio"), figure(1.76, "ratio"), figure(12.345, "MiB")] == [
        "0.027 ×",
        "1.0003 ×",
        "1.76 ×",
        "12.3 MiB",
    ]

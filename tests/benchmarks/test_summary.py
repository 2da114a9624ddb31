"""What README says in short is what the results say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import cards, summary

GIB = 2**30


@pytest.mark.parametrize(
    ("gib", "mode"),
    [
        (80, "`full`, 72.0 GiB"),
        (79, "`model-offload`, 45.0 GiB"),
        (50, "`model-offload`, 45.0 GiB"),
        (49, "`group-offload`, 1.5 GiB"),
        (1, "does not fit"),
    ],
)
def test_a_card_takes_the_first_mode_that_leaves_it_a_tenth(gib: int, mode: str) -> None:
    peaks = {"full": 72 * GIB, "model-offload": 45 * GIB, "group-offload": 3 * GIB // 2}
    assert cards.cell(peaks, gib) == mode


def test_costs_have_a_table_for_each_gpu_that_ran_full_models(tmp_path: Path) -> None:
    def rows(**values: float | None) -> list[dict[str, object]]:
        units = {"memory_delta_mib_2b": "MiB"}
        return [{"name": name, "value": value, "unit": units.get(name, "ratio")} for name, value in values.items()]

    gpu = {"device": "a GPU", "date": "2026-01-02", "rows": rows(step_ratio_2b=0.92, step_ratio_5b=None)}
    gpu["rows"] += rows(memory_delta_mib_2b=2.0, step_ratio_2b_sweep=3.0)
    cpu = {"device": "a CPU", "date": "2026-01-02", "rows": rows(step_ratio_cpu_demo=1.1)}
    (tmp_path / "pipeline-gpu.json").write_text(json.dumps(gpu))
    (tmp_path / "pipeline-cpu.json").write_text(json.dumps(cpu))
    assert summary.costs(tmp_path).splitlines() == [
        "| a GPU, 2026-01-02 | CogVideoX-2B | CogVideoX-5B |",
        "| --- | --- | --- |",
        "| a step with saliency over a stock one | 0.92 × | not measured |",
        "| memory of a step with saliency over a stock one's | 2 MiB | not measured |",
    ]


def test_findings_are_those_of_the_results(tmp_path: Path) -> None:
    alone, caption = "9 held-out clips, concepts in a stream of their own", "9 held-out clips, words of a full caption"
    names = [f"{kind} spacetime_auc {name}" for kind in ("object", "motion") for name in ("imap", "gramcol")]
    names += [f"{name}_clip" for name in names] + [
        f"{kind} spacetime_auc cross_attention" for kind in ("object", "motion")
    ]
    rows = [
        {"name": name, "shape": shape, "value": (base + i) / 100}
        for shape, base in ((alone, 10), (caption, 50))
        for i, name in enumerate(names)
    ]
    (tmp_path / "localization.json").write_text(json.dumps({"rows": rows}))
    demo = [("objects by gramcol", 0.88), ("motions by imap", 0.77)]
    demo += [("objects by cross_attention", 0.66), ("motions by cross_attention", 0.55)]
    shapes = [("9 validation clips, layers [1]", 0.1), ("9 held-out clips, layers [1]", 0.0)]
    chosen = [{"name": name, "shape": s, "value": v - less} for name, v in demo for s, less in shapes]
    (tmp_path / "demo.json").write_text(json.dumps({"rows": chosen}))
    objects, motions, settings = summary.findings(tmp_path).splitlines()
    assert objects == "- Objects, as concepts: `gramcol` 0.11, `imap` 0.10, `cross_attention` 0.18"
    assert motions.startswith("- Motions, as concepts: `gramcol` 0.13, `imap` 0.12, `cross_attention` 0.19; ")
    assert motions.endswith("as words of the caption: `gramcol` 0.53, `imap` 0.52, `cross_attention` 0.59")
    assert settings.endswith(": objects by `gramcol` 0.88, motions by `imap` 0.77; `cross_attention` 0.66 and 0.55")

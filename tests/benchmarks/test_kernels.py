"""The benchmark of the kernels: it runs, and its arithmetic is correct."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks.cases import COPY_BYTES, OPERATIONS, WITHOUT_KEYS, Case
from benchmarks.kernels import SALIENCY, TARGET, TARGET_KEYS, cases, main, rows
from benchmarks.shapes import LAYERS


@pytest.mark.slow
def test_runs_and_writes_its_rows(tmp_path):
    output = tmp_path / "results" / "kernels.json"
    command = [sys.executable, "-m", "benchmarks.kernels", "--tiny", "--keys", "3", "5", "--output", str(output)]
    # The benchmark runs pytest, which would time nothing as a worker of pytest-xdist.
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"}
    environment["OMP_NUM_THREADS"] = "1"
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(output.read_text())
    assert set(report) == {"device", "date", "versions", "rows"}
    timed = {(row["name"], row["shape"]): row["value"] for row in report["rows"]}
    for operation in OPERATIONS:
        assert timed[f"{operation}_time", "tiny keys=3"] > 0
        assert ((f"{operation}_time", "tiny keys=5") in timed) == (operation not in WITHOUT_KEYS)
    assert [path.name for path in output.parent.iterdir()] == ["kernels.json"]


def test_targets_are_ratios_of_the_same_run():
    copy = Case("copy", TARGET, TARGET_KEYS, "torch")
    attention = Case("attention", TARGET, TARGET_KEYS, "torch")
    medians = {copy: 2 * COPY_BYTES / 4e12, attention: 1e-2}
    for operation in SALIENCY:
        case = Case(operation, TARGET, TARGET_KEYS, "triton")
        medians[case] = case.bytes_moved() / 2e12
    values = {row["name"]: row["value"] for row in rows(medians)}
    assert values["qk_match_bandwidth_2b"] == pytest.approx(0.5)
    assert values["frame_separation_bandwidth_2b"] == pytest.approx(0.5)
    assert values["gram_column_bandwidth_2b"] == pytest.approx(0.5)
    assert values["saliency_over_attention_2b"] == pytest.approx(sum(list(medians.values())[2:]) / 1e-2)
    assert values["copy_bandwidth"] == pytest.approx(4000)


def test_bytes_are_the_fewest_that_can_move():
    # docs/method.md, "Exact shortcuts", 6: q and o are 67 MB each on 2B, and everything else is small.
    video = 30 * 13 * 1350 * 64 * 2
    for operation in ("qk_match", "frame_separation", "gram_column"):
        assert video <= Case(operation, TARGET, TARGET_KEYS, "triton").bytes_moved() < 1.05 * video


def test_every_operation_is_compared_once_per_layer():
    every = cases(list(LAYERS.values()), [9, 2], compare=True)
    assert len(set(every)) == len(every)
    for layer in LAYERS.values():
        compared = {(c.operation, c.variant) for c in every if c.layer == layer and c.keys == 9}
        assert compared >= {(o, v) for o in OPERATIONS for v in ("triton", "reference", "compiled")}


def test_needs_a_gpu_or_the_interpreter(monkeypatch, capsys):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "no CUDA device here; add --tiny and set TRITON_INTERPRET=1" in capsys.readouterr().err

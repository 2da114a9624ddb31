"""The parts of the command for a GPU, one by one: what they find, and what they do where something is wrong."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import imap_kernels
from benchmarks.cases import OPERATIONS
from benchmarks.gpu import authors, check_operation, correctness, kernels, launch_once, steps, suite, training, windows
from benchmarks.gpu.checks import LIMITS, TINY_SIZES, Check, checks_of
from benchmarks.gpu.correctness import Job
from benchmarks.gpu.run import Run
from benchmarks.record import Table, row
from benchmarks.shapes import spread_out


def run(out: Path, **arguments: object) -> Run:
    return Run(**{"out": out, "end": time.monotonic() + 600, "authors": None, "dry": True} | arguments)


def test_every_operation_is_checked_and_timed() -> None:
    names = {name for name in imap_kernels.__all__ if hasattr(torch.ops.imap_kernels, name)}
    assert names == set(OPERATIONS) == set(LIMITS)


def check_of(operation: str) -> Check:
    return checks_of(operation, TINY_SIZES)[0]


def broken(monkeypatch: pytest.MonkeyPatch, operation: str, change: object) -> dict[str, object]:
    """The row of an operation whose reference's result is changed."""
    module = importlib.import_module(f"imap_kernels.{operation}.reference")
    right = getattr(module, operation)
    calls = []

    def wrong(*arguments: object) -> torch.Tensor:
        calls.append(arguments)
        # The third call computes the exact result.
        return right(*arguments) if len(calls) == 3 else change(right(*arguments), len(calls))

    monkeypatch.setattr(module, operation, wrong)
    return check_of(operation).run("cpu", "reference")


def test_a_right_operation_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = broken(monkeypatch, "concept_attention", lambda result, _: result)
    assert found["right"]
    assert found["same_bits"]
    assert 0 < found["value"] < found["limit"]


def test_a_wrong_result_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    found = broken(monkeypatch, "concept_attention", lambda result, _: 1.5 * result)
    assert found["value"] == pytest.approx(0.5, abs=0.01)
    assert found["same_bits"]
    assert not found["right"]


def test_other_bits_at_the_second_call_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    found = broken(monkeypatch, "concept_attention", lambda result, call: result if call == 1 else result + 1e-3)
    assert found["value"] < found["limit"]
    assert not found["same_bits"]
    assert not found["right"]


def test_what_nothing_was_written_to_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def half(result: torch.Tensor, _: int) -> torch.Tensor:
        unwritten = torch.empty_like(result)
        unwritten[:-1] = result[:-1]
        return unwritten

    found = broken(monkeypatch, "concept_attention", half)
    assert found["value"] is None
    assert not found["right"]


@pytest.mark.parametrize(("worse", "right"), [(0, True), (1, False)])
def test_a_match_is_judged_by_its_score(monkeypatch: pytest.MonkeyPatch, worse: int, right: bool) -> None:
    found = broken(monkeypatch, "qk_match", lambda index, _: (index + worse) % 5)
    assert found["right"] is right


def test_an_index_that_leads_nowhere_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    found = broken(monkeypatch, "qk_match", lambda index, _: index + 10**6)
    assert found["value"] is None
    assert not found["right"]


def test_checks_go_on_after_one_that_raises(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    def raises(*_: object) -> None:
        raise RuntimeError("illegal memory access")

    monkeypatch.setattr(importlib.import_module("imap_kernels.select_heads.reference"), "select_heads", raises)
    arguments = ["--sizes", "tiny", "--device", "cpu", "--backend", "reference"]
    check_operation.main(["select_heads", "concept_attention", *arguments])
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    failed = [each for each in found if each["name"] == "select_heads_error"]
    assert len(failed) == len(checks_of("select_heads", TINY_SIZES))
    assert all("RuntimeError: illegal memory access" in each["shape"] and not each["right"] for each in failed)
    assert all(each["right"] for each in found if each["name"] == "concept_attention_error")


def test_tokens_far_apart_have_the_same_values() -> None:
    rows = torch.randn(1, 2, 5, 8)
    far = spread_out(rows, 1000)
    assert torch.equal(far, rows)
    assert far.stride() == (16, 8, 208, 1)


PROCESS = """
import json, os, sys
print(json.dumps({"name": "x_error", "shape": "a", "value": 0.5, "unit": "relative error", "limit": 1, "right": True}))
print("last words", flush=True)
os.kill(os.getpid(), 11)
"""


def test_a_process_that_crashes_keeps_its_rows_and_has_one_more() -> None:
    found: list[dict[str, object]] = []
    correctness.do(Job("x_error", (sys.executable, "-c", PROCESS)), found.append)
    first, last = found
    assert first["value"] == 0.5
    assert last | {"text": "last words", "value": -11, "right": False} == last


def test_what_is_wrong_fails_the_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def jobs(*_: object) -> list[Job]:
        return [Job("x_error", (sys.executable, "-c", PROCESS)), Job("y_error", (sys.executable, "-c", ""))]

    monkeypatch.setattr(correctness, "jobs", jobs)
    monkeypatch.setattr(correctness, "find_sanitizer", lambda: None)
    table = Table(tmp_path / "correctness.json")
    with pytest.raises(SystemExit, match="1 of 4 rows are wrong: x_error"):
        correctness.measure(run(tmp_path), table.add)
    values = {(found["name"], found["shape"]): found["value"] for found in table.rows}
    assert values["x_error_largest", "all checks"] == 0.5
    assert values["y_error", "exit code of its process"] == 0


def test_a_gpu_gets_a_process_for_each_operation_and_full_sizes(tmp_path: Path) -> None:
    jobs = list(correctness.jobs(run(tmp_path, dry=False), "compute-sanitizer"))
    names = [f"{name}_error" for name in OPERATIONS] + ["tests"] + [f"{name}_memcheck" for name in OPERATIONS]
    assert [job.name for job in jobs] == names
    for job in jobs[: len(OPERATIONS)]:
        assert (
            " ".join(job.command[3:])
            == f"{job.name.removesuffix('_error')} --device cuda --backend triton --sizes full"
        )
    checked = ("env", "PYTORCH_NO_CUDA_MEMORY_CACHING=1", "compute-sanitizer", "--tool", "memcheck")
    assert jobs[-1].command[:7] == (*checked, "--error-exitcode", "86")


def test_tests_that_fail_and_files_that_cannot_be_imported_are_named(capsys: pytest.CaptureFixture) -> None:
    def report(outcome: str, when: str) -> pytest.TestReport:
        return pytest.TestReport(f"test_{outcome}", ("", 0, ""), {}, outcome, "assert 0\nE  wrong", when)

    reports = suite.Reports()
    for outcome, when in (("passed", "setup"), ("passed", "call"), ("failed", "call"), ("skipped", "setup")):
        reports.pytest_runtest_logreport(report(outcome, when))
    reports.pytest_collectreport(pytest.CollectReport("test_file.py", "failed", "E  no module", []))
    reports.pytest_sessionfinish()
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line]
    assert [(each["shape"], each.get("text")) for each in rows[:2]] == [
        ("test_failed (call)", "E  wrong"),
        ("test_file.py", "E  no module"),
    ]
    assert {each["shape"]: each["value"] for each in rows[2:]} == {"passed": 1, "failed": 2, "skipped": 1}


def test_every_operation_is_launched_for_the_profiler(capsys: pytest.CaptureFixture) -> None:
    launch_once.main(["--tiny", "--device", "cpu", "--backend", "reference"])
    assert capsys.readouterr().out.split() == list(OPERATIONS)


def test_a_case_that_cannot_be_timed_fails_its_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kernels, "time_cases", lambda cases, add: add([row("copy_time", "x", 1.0, "us")]) or 1)
    found: list[dict[str, object]] = []
    with pytest.raises(SystemExit, match="pytest ended with exit code 1"):
        kernels.measure(run(tmp_path), found.extend)
    assert found[0]["name"] == "copy_time"


@pytest.mark.parametrize("code", [0, 3])
def test_training_gets_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int) -> None:
    commands = []

    def train(command: list[str]) -> subprocess.CompletedProcess:
        commands.append(command)
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "weights.safetensors").write_bytes(b"12345")
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(training.subprocess, "run", train)
    found: list[dict[str, object]] = []
    of = run(tmp_path, dry=False, end=time.monotonic() + training.ENDING + 240.2)
    if code:
        with pytest.raises(SystemExit, match="3"):
            training.measure(of, found.extend)
        assert found == []
    else:
        training.measure(of, found.extend)
        assert {each["name"]: each["value"] for each in found}["training_weights"] == 5
    options = dict(zip(commands[0][3::2], commands[0][4::2], strict=True))
    assert options.keys() == {"--minutes", "--model", "--work"}
    assert (options["--minutes"], options["--model"]) == ("4.00", str(tmp_path / "model"))


def test_a_model_that_cannot_be_measured_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def model_rows(name: str, variants: tuple[str, ...], *_: object, **__: object) -> Iterator[list[dict[str, object]]]:
        yield [row(f"{variant}_first_step_{name}", name, float(len(variants)), "s") for variant in variants]
        if name == "5b":
            raise torch.OutOfMemoryError

    monkeypatch.setattr(steps, "model_rows", model_rows)
    table = Table(tmp_path / "pipeline.json")
    with pytest.raises(SystemExit, match=r"5b \(stock, traced, explain\): OutOfMemoryError; 5b \(stock, traced, "):
        steps.measure(run(tmp_path, dry=False), table.add)
    values = {found["name"]: found["value"] for found in table.rows}
    assert len(values) == 3 * len({*steps.TARGETS, *steps.OTHERS})
    assert values["stock_first_step_1.5-5b"] == len(steps.TARGETS), "a later one is no first step"


def test_only_the_published_code_is_measured_beside_ours_once_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = ("stock_seconds_2b", "step_ratio_2b", "authors_seconds_2b", "authors_over_ours_2b")
    monkeypatch.setattr(authors, "model_rows", lambda *_, **__: [[row(name, "2b", 1.0, "s") for name in names]])
    found: list[dict[str, object]] = []
    authors.measure(run(tmp_path), found.extend)
    assert [each["name"] for each in found] == ["authors_seconds_2b", "authors_over_ours_2b"]


def test_a_window_is_timed_in_every_way_and_one_that_fails_stops_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = []

    def encoder(_: Run, pixels: tuple[int, int, int], variant: tuple[str, ...], backend: str) -> windows.Call:
        made.append((pixels, variant, backend))
        if variant == (windows.CHANNELS_LAST,):
            raise torch.OutOfMemoryError
        return lambda: None

    monkeypatch.setattr(windows, "encoder", encoder)
    monkeypatch.setattr(windows, "stock", lambda of, model, backend: lambda: None)
    monkeypatch.setattr(windows, "traced", lambda of, model: lambda: None)
    table = Table(tmp_path / "windows.json")
    with pytest.raises(SystemExit, match="failed: window_encoder, 49 × 480×720, channels last: OutOfMemoryError"):
        windows.measure(run(tmp_path, dry=False), table.add)
    assert [variant for _, variant, _ in made] == list(windows.ENCODERS)
    assert {(pixels, backend) for pixels, _, backend in made} == {(windows.PIXELS, "inductor")}
    shapes = [found["shape"] for found in table.rows if found["name"] == "window_transformer"]
    of_models = [[name, f"{name}, maps of 8 concepts"] for name in ("2b", "5b")]
    assert shapes == [*of_models[0], *of_models[1], "2b, compiled", "5b, compiled"]
    assert "49 × 480×720, channels last, compiled" in {found["shape"] for found in table.rows}


@pytest.mark.slow
def test_channels_last_and_compiled_passes_give_what_the_others_give(tmp_path: Path) -> None:
    of, latents = run(tmp_path), []
    for variant in (windows.ENCODERS[0], windows.ENCODERS[-1]):
        torch.manual_seed(0)
        latents.append(windows.encoder(of, windows.TINY_PIXELS, variant, "eager")().latent_dist.mean)
    torch.testing.assert_close(*latents, rtol=0.05, atol=0.05)
    outputs = []
    for backend in (None, "eager"):
        torch.manual_seed(0)
        outputs.append(windows.stock(of, windows.MODELS["tiny"], backend)().sample)
    torch.testing.assert_close(*outputs)

"""The command for a GPU, without one: all of it at tiny sizes, and what it does when parts go wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.gpu import __main__ as command
from benchmarks.gpu import schedule
from benchmarks.gpu.parts import PARTS, Part, limit
from benchmarks.record import Table, result_path, row

ROOT = Path(__file__).parents[2]
RESULTS = ("machine", "correctness", "kernels", "pipeline", "profile", "windows")
MEASURED = [name for name in PARTS if name != "training"]  # which takes minutes on a CPU even where it is tiny
# The published class has more arguments than the stock one, which the step of the benchmark passes.
PUBLISHED = """
from diffusers import CogVideoXTransformer3DModel

class ModifiedCogVideoXTransformer3DModel(CogVideoXTransformer3DModel):
    def forward(self, *args, concept_hidden_states, saliency_map_kwargs, imap_layer, imap_sep_score, imap_sep_topk,
                imap_qk_matching_target, **kwargs):
        return super().forward(*args, **kwargs)
"""


def environment(**changes: str) -> dict[str, str]:
    """For a new process, which is no worker of pytest-xdist and takes the reference in the place of the kernels."""
    kept = {name: value for name, value in os.environ.items() if not re.match("PYTEST|TRITON_INTERPRET", name)}
    return kept | {"OMP_NUM_THREADS": "1"} | changes


@pytest.fixture(scope="module")
def dry_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a dry run of all parts but the training, and what it printed. The tools of NVIDIA are scripts."""
    folder = tmp_path_factory.mktemp("gpu")
    for name in ("compute-sanitizer", "ncu"):
        tool = folder / "bin" / name
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(f"#!/bin/sh\necho {name}: $@\n")
        tool.chmod(0o755)
    published = folder / "checkout" / "imap" / "cogvideox"
    published.mkdir(parents=True)
    (published / "modified_dit.py").write_text(PUBLISHED)
    arguments = ["--minutes", "20", "--out", str(folder / "out"), "--authors", str(folder / "checkout"), "--dry-run"]
    arguments += ["--only", ",".join(MEASURED)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(PATH=f"{folder / 'bin'}:{os.environ['PATH']}"),
    )
    return folder / "out", done.stdout


@pytest.mark.slow
def test_every_part_is_done_and_has_a_line_of_the_summary(dry_run: tuple[Path, str]) -> None:
    out, printed = dry_run
    summary = {line["name"]: line for line in read(out, "summary")}
    assert {name: line["state"] for name, line in summary.items()} == dict.fromkeys(MEASURED, "done"), printed
    assert all(0 < line["value"] < line["limit"] for line in summary.values())
    assert re.fullmatch(r"done: machine \d+ s, .*, windows \d+ s; not done: nothing", printed.splitlines()[-1])
    assert [line.split(":")[0] for line in printed.splitlines()[:-1]] == MEASURED
    assert {path.name for path in (out / "logs").iterdir()} == {f"{name}.log" for name in MEASURED}


@pytest.mark.slow
def test_the_results_have_the_form_of_those_that_are_committed(dry_run: tuple[Path, str]) -> None:
    out, _ = dry_run
    files = {result_path(name, out).name for name in (*RESULTS, "summary")}
    assert {path.name for path in out.iterdir() if path.is_file()} == files
    for file in files:
        report = json.loads((out / file).read_text())
        assert set(report) == {"device", "date", "versions", "rows"}
        assert all({"name", "shape", "value", "unit"} <= set(row) for row in report["rows"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("results", "names"),
    [
        ("machine", "copy_rate matmul_rate"),
        ("correctness", "qk_match_error_largest qk_norm_rope_error_largest tests qk_match_memcheck"),
        ("kernels", "copy_bandwidth qk_match_reference_time qk_norm_rope_reference_time"),
        ("pipeline", "stock_first_step_tiny stock_seconds_tiny step_ratio_tiny explain_over_stock_step_tiny"),
        ("pipeline", "traced_all_maps_seconds_tiny authors_over_ours_tiny step_ratio_tiny_sweep"),
        ("windows", "window_encoder window_encoder_first_call window_transformer"),
        ("profile", "traced_step_device_time device_operations_per_layer"),
    ],
)
def test_every_figure_is_there(dry_run: tuple[Path, str], results: str, names: str) -> None:
    found = {row["name"]: row["value"] for row in read(dry_run[0], results)}
    assert set(names.split()) <= found.keys()
    assert all(found[name] is not None for name in names.split())


@pytest.mark.slow
def test_the_tools_get_their_commands_and_nothing_is_wrong(dry_run: tuple[Path, str]) -> None:
    out, _ = dry_run
    rows = {row["name"]: row for row in read(out, "correctness")}
    assert "memcheck --error-exitcode 86" in rows["qk_match_memcheck"]["text"]
    assert all(row.get("right", True) for row in read(out, "correctness"))
    ncu = next(row["text"] for row in read(out, "profile") if row["name"] == "ncu")
    assert "--clock-control none --profile-from-start off" in ncu


def read(out: Path, benchmark: str) -> list[dict[str, object]]:
    """The rows of a file, which must be whole."""
    return json.loads(result_path(benchmark, out).read_text())["rows"]


PARTS_OF_THE_TEST = {name: Part(name, 1, name) for name in ("breaks", "hangs", "is_killed", "authors", "works")}
SCRIPTS = {
    "breaks": "raise SystemExit('it broke')",
    "hangs": "import subprocess, time; print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)",
    "is_killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "works": "print('all is well')",
}


@pytest.fixture
def parts_that_fail(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Parts of which only the last one works."""
    monkeypatch.setattr(schedule, "PARTS", PARTS_OF_THE_TEST)
    monkeypatch.setattr(schedule, "command_of", lambda part, *_: [sys.executable, "-c", SCRIPTS[part.name]])


def test_no_part_stops_the_next_one(
    tmp_path: Path, parts_that_fail: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    # However slow the machine is, only the part that hangs runs out of time.
    monkeypatch.setattr(schedule, "limit", lambda parts, seconds: 1 if parts[0].name == "hangs" else seconds)
    (tmp_path / "half.tmp").write_text("what a part that is killed leaves")
    assert schedule.run_parts(list(PARTS_OF_THE_TEST), 600, tmp_path, authors=None, dry=True) == 1
    states = {line["name"]: line["state"] for line in read(tmp_path, "summary")}
    assert states == {
        "breaks": "failed with exit code 1",
        "hangs": "stopped at its time limit",
        "is_killed": "failed with exit code -9",
        "authors": "left out: no --authors PATH",
        "works": "done",
    }
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].endswith("it broke")
    assert re.match(r"done: works \d+ s; not done: breaks \(failed with exit code 1\), hangs \(", printed[-1])
    child = int((tmp_path / "logs" / "hangs.log").read_text())
    assert not is_running(child)
    assert not (tmp_path / "half.tmp").exists()


def is_running(pid: int) -> bool:
    """Whether a process does anything. One that has ended and was not waited for does not."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_what_is_wrong_is_told_even_where_time_ran_out(
    tmp_path: Path, parts_that_fail: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(schedule, "limit", lambda *_: 0.1)
    wrong = [row(f"{number}", "check", None, "relative error") | {"right": number > 2} for number in range(5)]
    Table(result_path("hangs", tmp_path)).add(wrong)
    assert schedule.run_parts(["hangs"], 600, tmp_path, authors=None, dry=True) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "done: nothing; not done: hangs (stopped at its time limit, 3 rows wrong)"


def test_what_is_left_out_is_no_failure(tmp_path: Path, parts_that_fail: None) -> None:
    assert schedule.run_parts(["authors", "works"], 600, tmp_path, authors=None, dry=True) == 0
    assert schedule.run_parts(["works"], 600, tmp_path, authors=None, dry=True) == 0


@pytest.mark.slow
def test_the_end_of_the_command_ends_its_part_and_the_summary_says_so(tmp_path: Path) -> None:
    script = (
        "import sys; from benchmarks.gpu import __main__, schedule; "
        f"schedule.command_of = lambda *_: [sys.executable, '-c', {SCRIPTS['hangs']!r}]; "
        f"__main__.main(['--only', 'steps,training', '--out', {str(tmp_path)!r}, '--dry-run'])"
    )
    log = tmp_path / "logs" / "steps.log"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        while not (log.exists() and log.read_text()):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        last = process.stdout.read().splitlines()[-1]
    assert last == "done: nothing; not done: steps (begun; the command ended before it), training (not begun)"
    assert process.returncode == 1
    assert not is_running(int(log.read_text()))
    states = {line["name"]: line["state"] for line in read(tmp_path, "summary")}
    assert states == {"steps": "begun; the command ended before it", "training": "not begun"}


@pytest.mark.slow
def test_a_part_ends_with_the_command_that_is_killed(tmp_path: Path) -> None:
    part = f"""
import os, subprocess
from benchmarks.gpu.processes import end_with
end_with(os.getppid())
{SCRIPTS["hangs"]}
"""
    log = tmp_path / "log"
    script = (
        "import pathlib, sys; from benchmarks.gpu.processes import run_until; "
        f"run_until([sys.executable, '-c', {part!r}], 600, pathlib.Path({str(log)!r}))"
    )
    with subprocess.Popen([sys.executable, "-c", script], env=environment()) as process:
        while not (log.exists() and log.read_text().endswith("\n")):
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
    child, until = int(log.read_text()), time.monotonic() + 60
    while is_running(child):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_part_knows_when_it_will_be_killed(tmp_path: Path) -> None:
    command = schedule.command_of(PARTS["training"], 123.4, tmp_path, None, dry=False)
    options = dict(zip(command[4::2], command[5::2], strict=True))
    assert options == {"--out": str(tmp_path), "--until": "123.4", "--parent": str(os.getpid())}


@pytest.mark.slow
def test_a_file_is_whole_whenever_its_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "many.json"
    script = f"""
import os, signal, sys
from pathlib import Path
from benchmarks.record import Table, row
for _ in sys.stdin:
    writer = os.fork()
    if writer:
        print(writer, flush=True)
        assert os.waitpid(writer, 0)[1] == signal.SIGKILL
        continue
    table, number = Table(Path({str(path)!r})), 0
    while True:
        table.add([row(str(number), "x" * 1000, 1.0, "s")])
        number = (number + 1) % 1000
"""
    command = [sys.executable, "-c", script]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment(), start_new_session=True, **pipes) as process:
        try:
            for rows in (1, 20, 70):
                print(file=process.stdin, flush=True)
                writer = int(process.stdout.readline())
                while not path.exists() or len(json.loads(path.read_text())["rows"]) < rows:
                    assert process.poll() is None
                os.kill(writer, signal.SIGKILL)
                while is_running(writer):
                    assert process.poll() is None
                    time.sleep(0.01)
                assert len(json.loads(path.read_text())["rows"]) >= rows
                path.unlink()
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_what_a_part_leaves_unused_goes_to_the_later_ones() -> None:
    parts = [Part("a", 1, "a"), Part("b", 2, "b"), Part("c", 1, "c")]
    assert [limit(parts[number:], left) for number, left in enumerate((400, 300, 100))] == [100, 200, 100]
    assert limit(parts[1:], 390) == 260  # the first one took 10
    assert limit(parts[2:], 389) == 389


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--only", "steps,nonsense"], "there is no part 'nonsense'; choose from machine, correctness, "),
        (["--minutes", "0"], "--minutes is 0; give a positive number"),
        (["--authors", "nowhere"], "nowhere is no checkout of the published code"),
        ([], "no CUDA device here; add --dry-run to try the command on a CPU"),
    ],
)
def test_wrong_use_has_one_clear_error(
    arguments: list[str], error: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit, match="2"):
        command.main(["--out", "unused", *arguments])
    assert error in capsys.readouterr().err


def test_only_keeps_the_order_of_importance() -> None:
    assert command._names("training,machine,steps") == ["machine", "steps", "training"]


@pytest.mark.slow
def test_neither_videos_nor_pictures_nor_pages_are_needed() -> None:
    script = """
import importlib, pkgutil, sys
for name in ("av", "rich", "gradio", "matplotlib", "typer"):
    sys.modules[name] = None
import benchmarks.gpu
for module in pkgutil.iter_modules(benchmarks.gpu.__path__):
    importlib.import_module(f"benchmarks.gpu.{module.name}")
import benchmarks.timing, imap_fast, imap_fast.demo.train
imap_fast.trace, imap_fast.explain
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr


def test_what_is_carried_is_what_is_tested() -> None:
    lines = (ROOT / "benchmarks" / "wheels.txt").read_text().splitlines()
    carried = [line for line in lines if line and not line.startswith("#")]
    assert {"diffusers==0.42.1", "pytest-benchmark==5.3.1"} <= set(carried)
    assert set(carried) <= set((ROOT / "constraints.txt").read_text().splitlines())
    names = {canonicalize_name(line.partition("==")[0]) for line in carried}
    needed = {canonicalize_name(Requirement(each).name) for each in requires("diffusers") if "extra ==" not in each}
    with_transformers = {"numpy", "huggingface-hub", "regex", "safetensors"}
    assert needed - with_transformers <= names

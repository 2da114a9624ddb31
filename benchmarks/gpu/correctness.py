"""The part `correctness`: every operation against fp64, the tests that need a GPU, and `compute-sanitizer`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

from benchmarks.cases import OPERATIONS
from benchmarks.gpu.run import Add, Run
from benchmarks.record import note, row

AT_ONCE = 5
"""Processes that share the GPU. Compilation takes most of their time, and the largest one needs 15 GB."""
SANITIZER = "compute-sanitizer"
TOOLKITS = ("/usr/local/cuda/bin", "/opt/cuda/bin")
WRONG_ACCESS = 86
"""The exit code of `compute-sanitizer` where it finds one."""


@dataclass(frozen=True)
class Job:
    """A process that prints rows as JSON.

    Attributes:
        name: of the row that is added if it fails.
        command: its program and arguments.
    """

    name: str
    command: tuple[str, ...]


def measure(run: Run, add: Add) -> None:
    """Do all jobs, some at once, and count what is wrong."""
    rows: list[dict[str, object]] = []
    one_at_a_time = Lock()

    def add_one(found: dict[str, object]) -> None:
        with one_at_a_time:
            rows.append(found)
            add([found, *largest_error(rows, found["name"])])

    sanitizer = find_sanitizer()
    if sanitizer is None:
        add_one(note(SANITIZER, "memcheck", f"there is no {SANITIZER} on PATH or in {', '.join(TOOLKITS)}"))
    with ThreadPoolExecutor(max(1, min(AT_ONCE, (os.cpu_count() or 1) // 2))) as pool:
        for _ in pool.map(lambda job: do(job, add_one), jobs(run, sanitizer)):
            pass
    wrong = [found["name"] for found in rows if found.get("right") is False]
    if wrong:
        raise SystemExit(f"{len(wrong)} of {len(rows)} rows are wrong: {', '.join(dict.fromkeys(wrong))}")


def largest_error(rows: list[dict[str, object]], name: str) -> list[dict[str, object]]:
    """A row with the largest error of the checks so far, unless rows of this name are no errors."""
    values = [found["value"] for found in rows if found["name"] == name and "limit" in found]
    if not values:
        return []
    return [row(f"{name}_largest", "all checks", None if None in values else max(values), "relative error")]


def jobs(run: Run, sanitizer: str | None) -> Iterator[Job]:
    """Yield the jobs, the most important ones first. `sanitizer` is the path of `compute-sanitizer`."""
    module = (sys.executable, "-m", "benchmarks.gpu.check_operation")
    place = ("--device", run.device, "--backend", run.backend)
    for names in groups(run):
        yield Job(f"{names[0]}_error", (*module, *names, *place, "--sizes", "tiny" if run.dry else "full"))
    yield Job("tests", (sys.executable, "-m", "benchmarks.gpu.suite", *(["--quick"] if run.dry else [])))
    if sanitizer is not None:
        # With a cache, small tensors are parts of one allocation, and no access beyond one of them is seen.
        uncached = ("env", "PYTORCH_NO_CUDA_MEMORY_CACHING=1")
        checked = (*uncached, sanitizer, "--tool", "memcheck", "--error-exitcode", str(WRONG_ACCESS))
        for names in groups(run):
            sizes = "tiny" if run.dry else "small"
            yield Job(f"{names[0]}_memcheck", (*checked, *module, *names, *place, "--sizes", sizes))


def groups(run: Run) -> list[tuple[str, ...]]:
    """The operations of each process: one, or all of them where a start takes longer than the checks."""
    return [OPERATIONS] if run.dry else [(name,) for name in OPERATIONS]


def find_sanitizer() -> str | None:
    """The path of `compute-sanitizer`, if it is installed."""
    folders = [os.environ.get("CUDA_HOME", ""), *TOOLKITS]
    return shutil.which(SANITIZER) or shutil.which(SANITIZER, path=os.pathsep.join(folders))


def do(job: Job, add: Callable[[dict[str, object]], None]) -> None:
    """Run a job, and add its rows as it prints them. Its other lines go to the log."""
    process = subprocess.Popen(job.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = ""
    for line in process.stdout:
        if line.startswith('{"name": '):
            add(json.loads(line))
        elif line.strip():
            said = line.strip()
            print(f"{job.name}: {said}", flush=True)
    code = process.wait()
    add(row(job.name, "exit code of its process", code, "exit code") | {"right": code == 0, "text": said})

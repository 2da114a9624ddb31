"""The run of the parts, one after the other. None can stop the next one, and a summary says how each of them ended."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu.parts import PARTS, Part, limit
from benchmarks.gpu.processes import last_line, run_until
from benchmarks.record import Table, result_path, row


def run_parts(names: Sequence[str], seconds: float, out: Path, *, authors: Path | None, dry: bool) -> int:
    """Run parts, and return 0 if all of them are done.

    Args:
        names: of the parts, in their order.
        seconds: for all parts together.
        out: folder of the results, of the summary, and of the logs.
        authors: a checkout of the published code. Without one, the part that needs it is left out.
        dry: tiny sizes on the CPU.
    """
    summary = Table(result_path("summary", out))
    summary.add(_line(name, "not begun") for name in names)
    left_out = "authors" in names and authors is None
    if left_out:
        summary.add([_line("authors", "left out: no --authors PATH")])
    parts = [PARTS[name] for name in names if not (name == "authors" and left_out)]
    end = time.monotonic() + seconds
    try:
        for number, part in enumerate(parts):
            time_limit = limit(parts[number:], end - time.monotonic())
            summary.add([_line(part.name, "begun; the command ended before it")])
            line = _run(part, time_limit, out, authors, dry)
            summary.add([line])
            print("{name}: {state}, {value:.0f} s of {limit:.0f}: {said}".format(**line), flush=True)
    finally:
        print(conclusion(summary.rows), flush=True)
    return int(any(line["state"] not in ("done", "left out: no --authors PATH") for line in summary.rows))


def _run(part: Part, seconds: float, out: Path, authors: Path | None, dry: bool) -> dict[str, object]:
    """Run one part, and return its line of the summary."""
    log = out / "logs" / f"{part.name}.log"
    began = time.monotonic()
    code = run_until(command_of(part, began + seconds, out, authors, dry), seconds, log)
    taken = time.monotonic() - began
    for unfinished in out.glob("*.tmp"):
        unfinished.unlink()
    state = {0: "done", None: "stopped at its time limit"}.get(code, f"failed with exit code {code}")
    found = Table.continued(result_path(part.benchmark, out)).rows
    if wrong := sum(row.get("right") is False for row in found):
        state += f", {wrong} rows wrong"
    return _line(part.name, state, taken) | {"limit": seconds, "said": last_line(log.read_text(errors="replace"))}


def command_of(part: Part, until: float, out: Path, authors: Path | None, dry: bool) -> list[str]:
    """The command of the process of a part, which is killed at the time `until` of `time.monotonic`."""
    command = [sys.executable, "-m", "benchmarks.gpu.part", part.name, "--out", str(out)]
    command += ["--until", f"{until:.1f}", "--parent", str(os.getpid())]
    command += ["--authors", str(authors)] if authors is not None else []
    return [*command, "--dry-run"] if dry else command


def _line(part: str, state: str, seconds: float | None = None) -> dict[str, object]:
    return row(part, "a part of benchmarks.gpu", seconds, "s") | {"state": state}


def conclusion(lines: Sequence[dict[str, object]]) -> str:
    """What was done, and what was not, in one line."""
    done = [f"{line['name']} {line['value']:.0f} s" for line in lines if line["state"] == "done"]
    others = [f"{line['name']} ({line['state']})" for line in lines if line["state"] != "done"]
    return f"done: {', '.join(done) or 'nothing'}; not done: {', '.join(others) or 'nothing'}"

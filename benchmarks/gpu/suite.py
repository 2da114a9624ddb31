"""The process that runs the tests that need a GPU: `python -m benchmarks.gpu.suite`. It prints its rows as JSON."""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Sequence

import pytest

from benchmarks.gpu.processes import last_line
from benchmarks.record import note, row

TESTS = (
    "tests/kernels",
    "tests/models/test_fast_attention.py",
    "tests/tracing/test_synchronization.py",
    "--ignore=tests/kernels/test_full_size.py",  # the same checks as in the processes of the operations
)
QUICK_TESTS = ("tests/kernels/test_heads.py",)
WORKERS = 4


class Reports:
    """A pytest plugin that prints a row for each test that fails, and in the end one with the number of them all."""

    def __init__(self) -> None:
        self.count = dict.fromkeys(("passed", "failed", "skipped"), 0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count the calls, and whatever else failed or was skipped."""
        if report.when == "call" or not report.passed:
            self.count[report.outcome] += 1
        if report.failed:
            self._print(f"{report.nodeid} ({report.when})", report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported has a row, too. The others run."""
        if report.failed:
            self.count["failed"] += 1
            self._print(report.nodeid, report)

    def _print(self, test: str, report: pytest.TestReport | pytest.CollectReport) -> None:
        found = note("test", test, last_line(report.longreprtext)) | {"right": False}
        print(f"\n{json.dumps(found)}", flush=True)

    def pytest_sessionfinish(self) -> None:
        """Print how many there were."""
        rows = [row("tests", outcome, count, "tests") for outcome, count in self.count.items()]
        print("", *map(json.dumps, rows), sep="\n", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tests, and return pytest's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one file of tests, in this process")
    quick = parser.parse_args(argv).quick
    parallel = importlib.util.find_spec("xdist") is not None and not quick
    options = ["-o", "addopts=", "-q", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    options += ["-n", str(WORKERS)] if parallel else []
    return pytest.main([*options, *(QUICK_TESTS if quick else TESTS)], plugins=[Reports()])


if __name__ == "__main__":
    raise SystemExit(main())

"""The process of one part: `python -m benchmarks.gpu.part NAME --out DIR --until T --parent PID`."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu.parts import PARTS
from benchmarks.gpu.processes import end_with
from benchmarks.gpu.run import Run
from benchmarks.record import Table, result_path


def main(argv: Sequence[str] | None = None) -> None:
    """Measure one part, and write its rows as they come."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=PARTS)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--until", type=float, required=True, help="when it is killed, by the clock of time.monotonic")
    parser.add_argument("--parent", type=int, required=True, help="the process whose end ends this one")
    parser.add_argument("--authors", type=Path, help="a checkout of the method's published code")
    parser.add_argument("--dry-run", action="store_true", help="tiny sizes on the CPU")
    arguments = parser.parse_args(argv)
    end_with(arguments.parent)
    table = Table.continued(result_path(PARTS[arguments.name].benchmark, arguments.out))
    module = importlib.import_module(f"benchmarks.gpu.{arguments.name}")
    run = Run(arguments.out, arguments.until, arguments.authors, arguments.dry_run)
    module.measure(run, table.add)
    print(f"{len(table.rows)} rows in {table.path.name}")


if __name__ == "__main__":
    main()

"""The process that checks operations: `python -m benchmarks.gpu.check_operation OPERATION…`.

It prints a row as JSON for every check. An operation has a process of its own, because an access to wrong memory makes
the GPU useless to the process that made it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

import torch

from benchmarks.cases import OPERATIONS
from benchmarks.gpu.checks import FULL_SIZES, SMALL_SIZES, TINY_SIZES, checks_of
from benchmarks.record import row

SIZES = {"full": FULL_SIZES, "small": SMALL_SIZES, "tiny": TINY_SIZES}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the checks, and go on after one that raises."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("operations", nargs="+", choices=OPERATIONS)
    parser.add_argument("--sizes", choices=SIZES, default="full")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--backend", default="triton")
    arguments = parser.parse_args(argv)
    for check in (check for name in arguments.operations for check in checks_of(name, SIZES[arguments.sizes])):
        try:
            found = check.run(arguments.device, arguments.backend)
        except Exception as error:
            reason = f"{check}: {type(error).__name__}: {error}"
            found = row(f"{check.operation}_error", reason, None, "relative error") | {"right": False}
        print(json.dumps(found), flush=True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()

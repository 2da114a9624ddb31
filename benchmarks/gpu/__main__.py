"""Everything that a GPU can tell, in a few minutes and in order of importance.

`python -m benchmarks.gpu --minutes 8 --out DIR` runs these parts, each in a process and with a time limit of its own:
{parts}.

Each part writes its results at once, so that a part that fails or is stopped loses only what it had not found. The
files in DIR are named and made like those of `benchmarks/results`. `benchmarks/README.md` says how to adopt them.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.gpu.parts import PARTS
from benchmarks.gpu.schedule import run_parts


def main(argv: Sequence[str] | None = None) -> int:
    """Run the parts. The exit code is 0 if all of them are done."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__.format(parts=", ".join(PARTS)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=8, help="for all parts together; default: 8")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--only", type=_names, default=list(PARTS), help="parts, separated by commas; default: all")
    parser.add_argument("--authors", type=Path, help="a checkout of the method's published code")
    parser.add_argument("--dry-run", action="store_true", help="the whole way at tiny sizes on the CPU")
    arguments = parser.parse_args(argv)
    if arguments.minutes <= 0:
        parser.error(f"--minutes is {arguments.minutes:g}; give a positive number")
    if arguments.authors is not None and not (arguments.authors / "imap" / "cogvideox").is_dir():
        parser.error(f"{arguments.authors} is no checkout of the published code: it has no imap/cogvideox")
    if arguments.dry_run:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif not torch.cuda.is_available():
        parser.error("no CUDA device here; add --dry-run to try the command on a CPU")
    else:
        # What a shell may have set for a CPU would replace the kernels.
        for name in ("TRITON_INTERPRET", "IMAP_BACKEND"):
            os.environ.pop(name, None)
    # As an exception, so that it ends the part that is running, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    return run_parts(
        arguments.only,
        60 * arguments.minutes,
        arguments.out.absolute(),
        authors=arguments.authors and arguments.authors.absolute(),
        dry=arguments.dry_run,
    )


def _names(text: str) -> list[str]:
    """The named parts, in their own order."""
    names = text.split(",")
    for name in names:
        if name not in PARTS:
            raise argparse.ArgumentTypeError(f"there is no part {name!r}; choose from {', '.join(PARTS)}")
    return [name for name in PARTS if name in names]


if __name__ == "__main__":
    raise SystemExit(main())

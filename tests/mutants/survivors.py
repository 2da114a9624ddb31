"""Compare the mutants that no test kills with those that are known to be equivalent, which `equivalent.diff` lists.

It runs where `mutmut run` ran. It prints what differs, and exits with 1 if anything does.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

EQUIVALENT = Path(__file__).with_name("equivalent.diff")

Mutant = tuple[str, str]
"""A line as it is, and as the mutant has it. An expression of several lines is joined to one."""


def main() -> int:
    survived, known = set(survivors()), set(equivalent(EQUIVALENT.read_text()))
    for title, mutants in (
        ("No test fails with", survived - known),
        (f"{EQUIVALENT.name} lists what is killed or gone:", known - survived),
    ):
        for before, after in sorted(mutants):
            print(f"{title}\n- {before}\n+ {after}\n")
    print(f"{len(survived)} mutants survived; {len(known)} are known to be equivalent")
    return int(survived != known)


def survivors() -> Iterator[Mutant]:
    """The mutants that mutmut made and no test killed."""
    for line in mutmut("results").splitlines():
        name, _, status = line.strip().rpartition(": ")
        if status != "timeout":
            diff = mutmut("show", name).splitlines()
            yield changed(diff, "-"), changed(diff, "+")


def mutmut(*arguments: str) -> str:
    command = [Path(sys.executable).with_name("mutmut"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def changed(diff: list[str], sign: str) -> str:
    lines = (line for line in diff if line.startswith(sign) and not line.startswith(3 * sign))
    return " ".join(line[1:].strip() for line in lines)


def equivalent(text: str) -> Iterator[Mutant]:
    """The listed mutants. Lines with `-` stand above those with `+` that replace them; others say why."""
    before = ""
    for line in text.splitlines():
        if line.startswith("- "):
            before = line[2:]
        elif line.startswith("+ "):
            yield before, line[2:]


if __name__ == "__main__":
    sys.exit(main())

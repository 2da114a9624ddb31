"""The parts in their order, and the share of time of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """What is measured in one process.

    Attributes:
        name: of its module, too.
        share: of the time, relative to the other parts.
        benchmark: the results that its rows belong to.
    """

    name: str
    share: float
    benchmark: str


PARTS = {
    part.name: part
    for part in (
        Part("machine", 20, "machine"),
        Part("correctness", 130, "correctness"),
        Part("kernels", 60, "kernels"),
        Part("steps", 110, "pipeline"),
        Part("authors", 45, "pipeline"),
        Part("profile", 40, "profile"),
        Part("sweeps", 45, "pipeline"),
        Part("windows", 60, "windows"),
        Part("training", 30, "training"),
    )
}


def limit(parts: Sequence[Part], seconds: float) -> float:
    """Seconds of the first of `parts`, if `seconds` are left for all of them.

    So what a part leaves unused is shared by all that come after it.
    """
    return seconds * parts[0].share / sum(part.share for part in parts)

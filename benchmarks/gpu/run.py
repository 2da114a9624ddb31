"""What every part is told about its run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from imap_kernels.backend import interpreting

Add = Callable[[Iterable[dict[str, object]]], None]
"""Writes rows at once."""


@dataclass(frozen=True)
class Run:
    """The circumstances of a part.

    Attributes:
        out: folder of the results.
        end: the time of `time.monotonic` at which the process is killed.
        authors: a checkout of the published code.
        dry: tiny sizes on the CPU.
    """

    out: Path
    end: float
    authors: Path | None
    dry: bool

    @property
    def device(self) -> str:
        """Of all tensors."""
        return "cpu" if self.dry else "cuda"

    @property
    def backend(self) -> str:
        """Of the operations: the kernels, or in their place the reference where nothing can run them."""
        return "reference" if self.dry and not interpreting() else "triton"

    @property
    def seconds(self) -> float:
        """That are left."""
        return self.end - time.monotonic()

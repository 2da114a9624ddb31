"""`python -m tests.benchmarks.forked …` is `python -m benchmarks.gpu …`, but what takes long is imported once.

The first part is a new process, as in a real run. Each later one is a fork of this process, which has imported
`LIBRARIES`. So it is not found here if a part forgets to import one of these.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TextIO

from benchmarks.gpu import processes
from benchmarks.gpu.__main__ import main
from benchmarks.gpu.parts import PARTS

LIBRARIES = ("diffusers", "pytest", "torch._dynamo", "torch.profiler")
LAZY = ("AutoencoderKLCogVideoX", "CogVideoXPipeline", "CogVideoXTransformer3DModel")
"""Classes of diffusers, which imports each one when it is first used."""


class Fork:
    """A fork of this process that runs `python -m MODULE …`, with what `run_until` needs of a `subprocess.Popen`."""

    def __init__(self, command: Sequence[str], stdout: TextIO) -> None:
        process = multiprocessing.get_context("fork").Process(target=run_module, args=(command[2:], stdout.fileno()))
        process.start()
        self.pid, self._process = process.pid, process

    def wait(self, seconds: float) -> int:
        self._process.join(seconds)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, seconds)
        return self._process.exitcode


def run_module(arguments: Sequence[str], output: int) -> None:
    """Run a module as a process in a session of its own, which writes to the file `output`."""
    os.setsid()
    for stream in (1, 2):
        os.dup2(output, stream)
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def start(command: Sequence[str], *, stdout: TextIO, **options: object) -> Fork | subprocess.Popen:
    """In place of `subprocess.Popen`: a new process for the first part, and a fork for each later one."""
    first = next(iter(PARTS))
    return subprocess.Popen(command, stdout=stdout, **options) if first in command else Fork(command, stdout)


if __name__ == "__main__":
    os.environ.pop("TRITON_INTERPRET", None)  # `tests` asks for it, and the parts take the reference
    for library in LIBRARIES:
        importlib.import_module(library)
    for name in LAZY:
        getattr(sys.modules["diffusers"], name)
    processes.subprocess = SimpleNamespace(**vars(subprocess) | {"Popen": start})
    raise SystemExit(main())

"""`python -m tests.benchmarks.forked …` is `python -m benchmarks.gpu …`, but what takes long is imported once.

The first part is a new process, as in a real run. Each later one is a fork of this process: it has the libraries, and
imports its own modules.
"""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TextIO

from benchmarks.gpu import __main__ as command
from benchmarks.gpu import processes
from benchmarks.gpu.parts import PARTS

LIBRARIES = ("diffusers", "pytest", "torch._dynamo", "torch.profiler")
LAZY = ("AutoencoderKLCogVideoX", "CogVideoXPipeline", "CogVideoXTransformer3DModel")
"""Names in diffusers, which imports what it has when it is named."""


class Fork:
    """A fork of this process that runs `python -m MODULE …`, with what `run_until` needs of a `subprocess.Popen`."""

    def __init__(self, command: Sequence[str], stdout: TextIO) -> None:
        run_it = multiprocessing.get_context("fork").Process(target=run_module, args=(command[2:], stdout.fileno()))
        run_it.start()
        self.pid, self._process = run_it.pid, run_it

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
    gc.enable()
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def start(command: Sequence[str], *, stdout: TextIO, **options: object) -> Fork | subprocess.Popen:
    """What takes the place of `subprocess.Popen`."""
    first = next(iter(PARTS))
    return subprocess.Popen(command, stdout=stdout, **options) if first in command else Fork(command, stdout)


if __name__ == "__main__":
    os.environ.pop("TRITON_INTERPRET", None)  # `tests` asks for it, and the parts take the reference
    gc.disable()  # imports leave no garbage
    for library in LIBRARIES:
        importlib.import_module(library)
    for name in LAZY:
        getattr(sys.modules["diffusers"], name)
    gc.freeze()
    processes.subprocess = SimpleNamespace(**vars(subprocess) | {"Popen": start})
    code = command.main()
    gc.unfreeze()  # extensions complain of what is not freed
    raise SystemExit(code)

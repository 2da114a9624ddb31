"""The process for `ncu`: `python -m benchmarks.gpu.launch_once` launches each operation of a layer once more.

The first launches tune the kernels. Only the last ones are between the start and the stop of the profiler.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from benchmarks.cases import OPERATIONS, Case
from benchmarks.kernels import TARGET, TARGET_KEYS
from benchmarks.shapes import TINY


def main(argv: Sequence[str] | None = None) -> None:
    """Launch the operations of CogVideoX-2B's layer, or of a tiny one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--backend", default="triton")
    arguments = parser.parse_args(argv)
    layer = TINY if arguments.tiny else TARGET
    for operation in OPERATIONS:
        case = Case(operation, layer, TARGET_KEYS, arguments.backend)
        (call,) = case.calls(sets=1, device=arguments.device, dtype=torch.bfloat16)
        call()
        with profiled(arguments.device):
            call()
        print(operation)


@contextmanager
def profiled(device: str) -> Iterator[None]:
    """What `ncu --profile-from-start off` looks at."""
    if device == "cpu":
        yield
        return
    torch.cuda.synchronize()
    with torch.cuda.profiler.profile():
        yield
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()

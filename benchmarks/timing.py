"""The timed function. `benchmarks.kernels` runs it under pytest-benchmark for each case."""

from collections.abc import Callable

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.cases import Case
from benchmarks.clock import synchronized_clock

# More bytes than any cache holds, and enough launches between two synchronizations to hide their cost.
ROTATED_BYTES = 2**29
LAUNCHES = 20
ROUNDS = 15


def round_robin(calls: list[Callable[[], object]], launches: int) -> Callable[[], None]:
    """A function that makes `launches` calls in turn."""

    def loop() -> None:
        for launch in range(launches):
            calls[launch % len(calls)]()

    return loop


def cuda_graph(loop: Callable[[], None]) -> Callable[[], object]:
    """The launches of `loop` as one CUDA graph, without gaps for Python."""
    loop()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loop()
    return graph.replay


@pytest.mark.benchmark(timer=synchronized_clock)
def test_time(benchmark: BenchmarkFixture, case: Case, medians: dict[Case, float]) -> None:
    """Record the median time of one call, in seconds."""
    gpu = torch.cuda.is_available()
    sets = min(8, 1 + ROTATED_BYTES // case.bytes_moved()) if gpu else 1
    launches = (2 if case.operation == "attention" else LAUNCHES) if gpu else 1
    calls = case.calls(sets=sets, device="cuda" if gpu else "cpu", dtype=torch.bfloat16)
    run = round_robin(calls, launches)
    # A copy is slower in a graph: 2.4 TB/s on an H100, and 3.0 alone. Kernels are compared with the faster one.
    if gpu and case.operation != "copy":
        run = cuda_graph(run)
    benchmark.pedantic(run, rounds=ROUNDS if gpu else 1, warmup_rounds=1)
    medians[case] = benchmark.stats.stats.median / launches
    del calls
    if gpu:
        torch.cuda.empty_cache()

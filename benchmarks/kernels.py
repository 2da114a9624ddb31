"""Times of the saliency kernels, compared with a copy, the references and the attention call of the layer.

`python -m benchmarks.kernels` on a machine with a GPU writes `benchmarks/results/kernels-<device>.json`.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

import pytest
import torch

import imap_kernels
from benchmarks.cases import IMAP_COLUMN, OPERATIONS, WITHOUT_KEYS, Case
from benchmarks.record import Table, result_path, row
from benchmarks.shapes import LAYERS, TEXT_TOKENS, TINY, Layer, draw

TARGET = LAYERS["2b-49x480x720"]
TARGET_KEYS = 9
SALIENCY = ("qk_match", "frame_separation", "select_heads", "gram_column", "concept_attention")
ONE_PASS = ("qk_match", "gram_separation", "select_heads", IMAP_COLUMN, "concept_attention")


class Plugin:
    """A pytest plugin that passes the cases to `benchmarks/timing.py`, and collects the medians.

    Args:
        cases: to time, a copy first.
        add: receives the rows of all medians so far, after every case.
    """

    def __init__(self, cases: Sequence[Case], add: Callable[[list[dict[str, object]]], None]) -> None:
        self.cases = cases
        self.add = add
        self.results: dict[Case, float] = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Parametrize the timed function with the cases."""
        metafunc.parametrize("case", self.cases, ids=str)

    @pytest.fixture
    def medians(self) -> dict[Case, float]:
        """The dictionary that receives the results."""
        return self.results

    def pytest_runtest_logfinish(self) -> None:
        """Pass the rows on. Without the copy there is nothing to compare with."""
        if any(case.operation == "copy" for case in self.results):
            self.add(rows(self.results))


def cases(layers: Sequence[Layer], key_counts: Sequence[int], compare: bool, backend: str = "triton") -> list[Case]:
    """A copy, then the attention call and all operations of one layer after the other.

    Args:
        layers: the sizes.
        key_counts: numbers of text keys.
        compare: also time the references, at the first number of keys.
        backend: of the operations.
    """
    found = [Case("copy", layers[0], key_counts[0], "torch")]
    for layer in layers:
        found.append(Case("attention", layer, key_counts[0], "torch"))
        for operation in OPERATIONS:
            counts = key_counts[:1] if operation in WITHOUT_KEYS else key_counts
            found += [Case(operation, layer, keys, backend) for keys in counts]
        found.append(Case(IMAP_COLUMN, layer, key_counts[0], backend))
    if compare:
        variants = ("reference", "compiled")
        found += [Case(o, layer, key_counts[0], v) for layer in layers for o in OPERATIONS for v in variants]
    return found


def time_cases(cases: Sequence[Case], add: Callable[[list[dict[str, object]]], None]) -> int:
    """Time the cases, and pass the rows so far to `add` after each one. The result is pytest's exit code."""
    timing = str(Path(__file__).with_name("timing.py"))
    options = ["-o", "addopts=", "-p", "no:cacheprovider", "-p", "pytest_benchmark.plugin", "-q"]
    # Other plugins take seconds to load.
    with mock.patch.dict(os.environ, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"):
        return pytest.main([*options, timing], plugins=[Plugin(cases, add)])


def rows(medians: dict[Case, float]) -> list[dict[str, object]]:
    """Times, bytes and bandwidths of every case, then the figures with a target."""
    bandwidth = {case: case.bytes_moved() / seconds for case, seconds in medians.items()}
    copy = next(value for case, value in bandwidth.items() if case.operation == "copy")
    table = []
    for case, seconds in medians.items():
        name = case.operation if case.variant in ("triton", "torch") else f"{case.operation}_{case.variant}"
        for quantity, value, unit in (
            ("time", seconds * 1e6, "us"),
            ("bytes", case.bytes_moved(), "B"),
            ("bandwidth", bandwidth[case] / 1e9, "GB/s"),
            ("bandwidth_over_copy", bandwidth[case] / copy, "ratio"),
        ):
            table.append(row(f"{name}_{quantity}", case.shape, value, unit))

    of_target = {
        c.operation: c for c in medians if c.layer == TARGET and c.keys == TARGET_KEYS and c.variant == "triton"
    }
    attention = Case("attention", TARGET, TARGET_KEYS, "torch")
    for operation in ("qk_match", "frame_separation", "gram_column", "gram_separation", "qk_norm_rope"):
        if operation in of_target:
            ratio = bandwidth[of_target[operation]] / copy
            table.append(row(f"{operation}_bandwidth_2b", TARGET.name, ratio, "ratio"))
    for name, operations in (("saliency", SALIENCY), ("one_pass", ONE_PASS)):
        if attention in medians and set(operations) <= set(of_target):
            ratio = sum(medians[of_target[operation]] for operation in operations) / medians[attention]
            table.append(row(f"{name}_over_attention_2b", TARGET.name, ratio, "ratio"))
    return table


def extra_memory(layer: Layer, keys: int) -> int:
    """Peak bytes that the saliency of a layer allocates on the GPU, without its inputs and the running maps."""
    t = draw(layer, keys, device="cuda", dtype=torch.bfloat16)
    maps = torch.zeros(2, keys, layer.tokens, device="cuda")

    def saliency() -> None:
        rows = (t.text, t.text, t.text, t.key, t.value)
        imap_kernels.concept_attention(*rows, multiplicity=t.multiplicity)
        index = imap_kernels.qk_match(t.query, t.text, frames=layer.frames)
        imap_kernels.frame_separation(t.output, frames=layer.frames)
        weights = {"multiplicity": t.multiplicity, "head_weights": t.head_weights}
        imap_kernels.gram_column(t.output, index, out=maps, **weights)

    saliency()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    saliency()
    return torch.cuda.max_memory_allocated() - before


def extra_memory_row() -> dict[str, object]:
    """`extra_memory` of the 2B target."""
    return row("extra_memory_2b", TARGET.name, extra_memory(TARGET, TARGET_KEYS), "B")


def main(argv: Sequence[str] | None = None) -> int:
    """Time the requested cases, and return 0 if all of them ran."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=list(LAYERS))
    parser.add_argument(
        "--keys", type=int, nargs="+", default=[9, 2, 33, TEXT_TOKENS], help="text keys, padding included"
    )
    parser.add_argument("--compare", action="store_true", help="also time the references, at the first number of keys")
    parser.add_argument("--tiny", action="store_true", help="a tiny layer, for Triton's interpreter on a CPU")
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/kernels-<device>.json")
    arguments = parser.parse_args(argv)
    gpu = torch.cuda.is_available()
    if not gpu and not (arguments.tiny and os.environ.get("TRITON_INTERPRET") == "1"):
        parser.error("no CUDA device here; add --tiny and set TRITON_INTERPRET=1 to try the benchmark on a CPU")
    layers = [TINY] if arguments.tiny else [LAYERS[name] for name in arguments.layers]

    table = Table(arguments.output or result_path("kernels"))
    status = time_cases(cases(layers, arguments.keys, arguments.compare), table.add)
    if gpu:
        table.add([extra_memory_row()])
    print(f"{len(table.rows)} rows in {table.path}")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
